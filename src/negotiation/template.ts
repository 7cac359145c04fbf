/**
 * SDP text is bytes, one character each; characters beyond them mark where a port goes that is not bound yet. A
 * local keeps its port for life, so two bodies are equal if their templates are.
 */
export function portMark(local: number, offset: 0 | 1): string {
  return `${offset === 0 ? RTP_MARK : RTCP_MARK}${local}${END_MARK}`;
}

/** Marks a relayed address with its port; without one, the line goes. */
export function relayMark(local: number, offset: 0 | 1): string {
  return `${offset === 0 ? RELAYED_RTP_MARK : RELAYED_RTCP_MARK}${local}${END_MARK}`;
}

/** `relayOf` knows relayed addresses in the form of the data plane: `192.0.2.9:49160`. */
export function fillTemplate(
  template: string,
  portOf: (local: number) => number,
  relayOf: (local: number, offset: 0 | 1) => string | undefined = () => undefined,
): string {
  const relayed = template.replace(RELAY_LINES, (line, kind: string, local: string) => {
    const offset = kind === RELAYED_RTP_MARK ? 0 : 1;
    const address = relayOf(Number(local), offset);
    return address === undefined ? '' : line.replace(relayMark(Number(local), offset), spaced(address));
  });
  return relayed.replace(MARKS, (_, kind: string, local: string) => {
    const port = portOf(Number(local));
    return `${kind === RTP_MARK ? port : port + 1}`;
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

const RTP_MARK = '\uE000';
const RTCP_MARK = '\uE001';
const END_MARK = '\uE002';
const RELAYED_RTP_MARK = '\uE003';
const RELAYED_RTCP_MARK = '\uE004';
const RELAY_LINES = /a=[^\r\n]*([\uE003\uE004])(\d+)\uE002[^\r\n]*\r\n/g;
const MARKS = /([\uE000\uE001])(\d+)\uE002/g;
