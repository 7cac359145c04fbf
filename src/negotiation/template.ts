/**
 * SDP text has no NUL; between two of them stands where a port goes that is not bound yet. A local keeps its port for
 * life, so two bodies are equal if their templates are.
 */
export function portMark(local: number, offset: 0 | 1): string {
  return `${MARK}${local}${offset === 0 ? '' : NEXT}${MARK}`;
}

/** Marks a relayed address with its port; without one, the line goes. */
export function relayMark(local: number, offset: 0 | 1): string {
  return `${MARK}${RELAYED}${local}${offset === 0 ? '' : NEXT}${MARK}`;
}

/** `relayOf` knows relayed addresses in the form of the data plane: `192.0.2.9:49160`. */
export function fillTemplate(
  template: string,
  portOf: (local: number) => number,
  relayOf: (local: number, offset: 0 | 1) => string | undefined = () => undefined,
): string {
  const relayed = template.includes(MARK + RELAYED) ? withRelays(template, relayOf) : template;
  let filled = '';
  let from = 0;
  for (let mark = relayed.indexOf(MARK); mark >= 0; mark = relayed.indexOf(MARK, from)) {
    const end = relayed.indexOf(MARK, mark + 1);
    const isNext = relayed.charAt(end - 1) === NEXT;
    const port = portOf(Number(relayed.slice(mark + 1, isNext ? end - 1 : end)));
    filled += `${relayed.slice(from, mark)}${isNext ? port + 1 : port}`;
    from = end + 1;
  }
  return filled + relayed.slice(from);
}

function withRelays(template: string, relayOf: (local: number, offset: 0 | 1) => string | undefined): string {
  return template.replace(RELAY_LINES, (line, local: string, next: string) => {
    const offset = next === NEXT ? 1 : 0;
    const address = relayOf(Number(local), offset);
    return address === undefined ? '' : line.replace(relayMark(Number(local), offset), spaced(address));
  });
}

function spaced(address: string): string {
  const colon = address.lastIndexOf(':');
  return `${address.slice(0, colon).replace(/^\[|\]$/g, '')} ${address.slice(colon + 1)}`;
}

/** A short fingerprint of a body, to see whether it differs from the one before. Not for security. */
export function textHash(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
    high ^= high >>> 13;
  }
  return (low >>> 0).toString(36) + (high >>> 0).toString(36);
}

const MARK = '\0';
const NEXT = '+';
const RELAYED = 'R';
const RELAY_LINES = /a=[^\r\n]*\0R(\d+)(\+?)\0[^\r\n]*\r\n/g;
