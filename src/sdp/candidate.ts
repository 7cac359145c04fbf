import { familyOf } from './address.js';
import { decimalUpTo, words } from './attributes.js';

export type CandidateType = 'host' | 'srflx' | 'prflx' | 'relay';

/** `a=candidate` (RFC 8839 §5.1). */
export type Candidate = {
  readonly foundation: string;
  readonly component: number;
  /** In upper case: `UDP`, `TCP`, … */
  readonly transport: string;
  readonly priority: number;
  readonly address: string;
  /** The address is a name (`….local`, RFC 8828): nothing can be sent to it without looking it up. */
  readonly named: boolean;
  readonly port: number;
  readonly type: CandidateType;
  /** `raddr`, `rport`, `tcptype`, `generation` and others as they came, each with a space in front. */
  readonly rest: string;
};

/** Browsers write dozens, so the line is read in one go, without a list of its words. */
export function parseCandidate(value: string): Candidate | undefined {
  const text = isEvenlySpaced(value) ? value : words(value).join(' ');
  const component = text.indexOf(' ') + 1;
  const transport = text.indexOf(' ', component) + 1;
  const priority = text.indexOf(' ', transport) + 1;
  const address = text.indexOf(' ', priority) + 1;
  const port = text.indexOf(' ', address) + 1;
  const typ = text.indexOf(' ', port) + 1;
  if (component < 2 || component > MAX_FOUNDATION + 1) return undefined;
  if (transport === 0 || priority === 0 || address === 0 || port === 0 || typ === 0) return undefined;
  if (!text.startsWith('typ ', typ)) return undefined;
  const end = text.indexOf(' ', typ + 4);
  const type = candidateType(text.slice(typ + 4, end < 0 ? text.length : end));
  const componentNumber = decimalWithin(text, component, transport - 1, 256);
  const priorityNumber = decimalWithin(text, priority, address - 1, 0xffff_ffff);
  const portNumber = decimalWithin(text, port, typ - 1, 65_535);
  if (type === undefined || componentNumber < 1 || priorityNumber < 0 || portNumber < 0) return undefined;

  const addressText = text.slice(address, port - 1);
  const named = familyOf(addressText) === undefined;
  if (named && !isHostName(addressText)) return undefined;
  return {
    foundation: text.slice(0, component - 1),
    component: componentNumber,
    transport: upperCase(text.slice(transport, priority - 1)),
    priority: priorityNumber,
    address: addressText,
    named,
    port: portNumber,
    type,
    rest: end < 0 ? '' : text.slice(end),
  };
}

export function formatCandidate(candidate: Candidate): string {
  return bareCandidate(candidate) + candidate.rest;
}

/** Without what follows the type. */
export function bareCandidate(candidate: Omit<Candidate, 'rest'>): string {
  const { foundation, component, transport, priority, address, port, type } = candidate;
  return `${foundation} ${component} ${transport} ${priority} ${address} ${port} typ ${type}`;
}

function isEvenlySpaced(text: string): boolean {
  return text.charCodeAt(0) !== 0x20 && !text.includes('  ') && !text.includes('\t') && !text.endsWith(' ');
}

/** A decimal number between two places of a text; -1 if it is none or exceeds `max`. */
function decimalWithin(text: string, from: number, to: number, max: number): number {
  if (from === to || to - from > 10) return -1;
  let number = 0;
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number > max ? -1 : number;
}

function upperCase(transport: string): string {
  return transport === 'udp' ? 'UDP' : transport.toUpperCase();
}

/** One entry of `a=remote-candidates` (RFC 8839 §5.2). */
export type RemoteCandidate = { readonly component: number; readonly address: string; readonly port: number };

export function parseRemoteCandidates(value: string): RemoteCandidate[] | undefined {
  const parts = words(value);
  if (parts.length === 0 || parts.length % 3 !== 0) return undefined;
  const candidates: RemoteCandidate[] = [];
  for (let at = 0; at < parts.length; at += 3) {
    const component = decimalUpTo(parts[at], 256);
    const address = parts[at + 1];
    const port = decimalUpTo(parts[at + 2], 65_535);
    if (component === undefined || address === undefined || port === undefined) return undefined;
    candidates.push({ component, address, port });
  }
  return candidates;
}

export function formatRemoteCandidates(candidates: readonly RemoteCandidate[]): string {
  return candidates.map(({ component, address, port }) => `${component} ${address} ${port}`).join(' ');
}

function candidateType(text: string | undefined): CandidateType | undefined {
  switch (text) {
    case 'host':
    case 'srflx':
    case 'prflx':
    case 'relay':
      return text;
    default:
      return undefined;
  }
}

function isHostName(text: string): boolean {
  if (text.length === 0 || text.length > 255 || !/^[A-Za-z0-9._-]+$/.test(text)) return false;
  return /[A-Za-z]/.test(text);
}

const MAX_FOUNDATION = 32;
