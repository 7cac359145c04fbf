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
  readonly related?: { readonly address: string; readonly port: number };
  /** `tcptype`, `generation`, `network-id` and others, in order. */
  readonly extensions: readonly (readonly [name: string, value: string])[];
};

export function parseCandidate(value: string): Candidate | undefined {
  const parts = words(value);
  const [foundation, componentText, transport, priorityText, address, portText, typ, typeText] = parts;
  const component = decimalUpTo(componentText, 256);
  const priority = decimalUpTo(priorityText, 0xffff_ffff);
  const port = decimalUpTo(portText, 65_535);
  const type = candidateType(typeText);
  if (component === undefined || component === 0 || priority === undefined || port === undefined)
    return undefined;
  if (typ !== 'typ' || type === undefined) return undefined;
  if (
    foundation === undefined ||
    foundation.length > 32 ||
    transport === undefined ||
    address === undefined
  ) {
    return undefined;
  }
  const named = familyOf(address) === undefined;
  if (named && !isHostName(address)) return undefined;

  const extensions: (readonly [string, string])[] = [];
  let relatedAddress: string | undefined;
  let relatedPort: number | undefined;
  for (let at = 8; at + 1 < parts.length; at += 2) {
    const name = parts[at] ?? '';
    const text = parts[at + 1] ?? '';
    if (name === 'raddr') relatedAddress = text;
    else if (name === 'rport') relatedPort = decimalUpTo(text, 65_535);
    else extensions.push([name, text]);
  }
  const base = {
    foundation,
    component,
    transport: transport.toUpperCase(),
    priority,
    address,
    named,
    port,
    type,
  };
  if (relatedAddress === undefined || relatedPort === undefined) return { ...base, extensions };
  return { ...base, related: { address: relatedAddress, port: relatedPort }, extensions };
}

export function formatCandidate(candidate: Candidate): string {
  const { foundation, component, transport, priority, address, port, type, related } = candidate;
  let text = `${foundation} ${component} ${transport} ${priority} ${address} ${port} typ ${type}`;
  if (related) text += ` raddr ${related.address} rport ${related.port}`;
  for (const [name, value] of candidate.extensions) text += ` ${name} ${value}`;
  return text;
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
