import type { SignalledIce, StreamIce } from '../call/ice.js';
import type { AgreedSecurity, SignalledSecurity, StreamSecurity } from '../call/security.js';
import { flagAt, partAt, quoted, quotedOrNull, textAt, textsAt } from './memo-text.js';
import { type Fields, listOf, number, oneOf, text } from './record-fields.js';

/** Keys are here: a call that survives a crash goes on with them. */
export function securityMemo(security: StreamSecurity): string {
  const { agreed, crypto, passed } = security;
  let text = `{~n~:${security.association}`;
  text += partAt('a', agreed && agreedMemo(agreed));
  if (crypto !== '') text += textAt('c', crypto);
  if (passed !== '') text += textAt('p', passed);
  text += flagAt('d', security.offersDtls);
  text += flagAt('w', security.answered);
  text += textAt('t', security.tlsId);
  text += textAt('k', security.certificate);
  text += textsAt('wi', security.wishes);
  return `${text}}`;
}

export function readSecurity(f: Fields): StreamSecurity {
  return {
    agreed: f.maybe('a', readAgreed),
    crypto: f.has('c') ? f.text('c') : '',
    passed: f.has('p') ? f.text('p') : '',
    offersDtls: f.flag('d'),
    answered: f.flag('w'),
    tlsId: f.maybe('t', text),
    certificate: f.maybe('k', text),
    association: f.number('n'),
    wishes: f.list('wi').map((wish) => oneOf(text(wish), ['passive', 'sdes', 'osrtp', 'no tls-id'])),
  };
}

/** State: 1 offered, 2 in force. */
export function iceMemo({ ufrag, pwd, role, generation, offered, inForce }: StreamIce): string {
  const state = (offered ? 1 : 0) + (inForce ? 2 : 0);
  return `[${quoted(ufrag)},${quoted(pwd)},${quoted(role)},${generation},${state}]`;
}

export function readIce(value: unknown): StreamIce {
  const [ufrag, pwd, role, generation, state] = listOf(value);
  const bits = number(state);
  return {
    ufrag: text(ufrag),
    pwd: text(pwd),
    role: oneOf(text(role), ['controlling', 'controlled']),
    generation: number(generation),
    offered: (bits & 1) !== 0,
    inForce: (bits & 2) !== 0,
  };
}

export function saidSecurityMemo({ crypto, fingerprint, setup, tlsId }: SignalledSecurity): string {
  return `[${quoted(crypto)},${quotedOrNull(fingerprint)},${quotedOrNull(setup)},${quotedOrNull(tlsId)}]`;
}

export function readSaidSecurity(value: unknown): SignalledSecurity {
  const [crypto, fingerprint, setup, tlsId] = listOf(value);
  return {
    crypto: text(crypto),
    ...(fingerprint !== null && { fingerprint: text(fingerprint) }),
    ...(setup !== null && { setup: oneOf(text(setup), ['active', 'passive', 'actpass', 'holdconn']) }),
    ...(tlsId !== null && { tlsId: text(tlsId) }),
  };
}

/** State: 1 lite, 2 complete. Candidates were in the empty place before 1.1, in one text. */
export function saidIceMemo({ ufrag, pwd, options, lite, complete }: SignalledIce): string {
  const state = (lite ? 1 : 0) + (complete ? 2 : 0);
  return `[${quoted(ufrag)},${quoted(pwd)},${quoted(options)},~~,${state}]`;
}

export function readSaidIce(value: unknown, candidates: readonly unknown[]): SignalledIce {
  const [ufrag, pwd, options, former, state] = listOf(value);
  const bits = number(state);
  return {
    ufrag: text(ufrag),
    pwd: text(pwd),
    lite: (bits & 1) !== 0,
    options: text(options),
    candidates: candidates.length === 0 ? text(former) : candidates.map(text).join('\n'),
    complete: (bits & 2) !== 0,
  };
}

/** `sdes` with our line and theirs and 1 if our key is borrowed; `dtls` with our role. */
function agreedMemo(agreed: AgreedSecurity): string {
  switch (agreed.kind) {
    case 'none':
      return '[~none~]';
    case 'sdes':
      return `[~sdes~,${quoted(agreed.ours)},${quoted(agreed.theirs)},${agreed.borrowed ? 1 : 0}]`;
    case 'dtls':
      return `[~dtls~,${quoted(agreed.role)}]`;
  }
}

function readAgreed(value: unknown): AgreedSecurity {
  const [kind, first, second, borrowed] = listOf(value);
  switch (oneOf(text(kind), ['none', 'sdes', 'dtls'])) {
    case 'none':
      return { kind: 'none' };
    case 'sdes':
      return { kind: 'sdes', ours: text(first), theirs: text(second), borrowed: borrowed === 1 };
    case 'dtls':
      return { kind: 'dtls', role: oneOf(text(first), ['active', 'passive']) };
  }
}
