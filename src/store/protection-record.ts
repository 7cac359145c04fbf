import type { SignalledIce, StreamIce } from '../call/ice.js';
import type { AgreedSecurity, SignalledSecurity, StreamSecurity } from '../call/security.js';
import type { IceRecord, SecurityRecord, SignalledRecord } from './call-record.js';
import { type Fields, listOf, number, oneOf, text } from './record-fields.js';

export function encodeSecurity(security: StreamSecurity): SecurityRecord {
  const { agreed, crypto, passed, offersDtls, answered, tlsId, certificate, association, wishes } = security;
  return {
    a: agreed && encodeAgreed(agreed),
    c: crypto === '' ? undefined : crypto,
    p: passed === '' ? undefined : passed,
    d: offersDtls ? 1 : undefined,
    w: answered ? 1 : undefined,
    t: tlsId,
    k: certificate,
    n: association,
    wi: wishes.length > 0 ? wishes : undefined,
  };
}

export function readSecurity(f: Fields): StreamSecurity {
  return {
    ...f.optional('agreed', 'a', readAgreed),
    crypto: f.has('c') ? f.text('c') : '',
    passed: f.has('p') ? f.text('p') : '',
    offersDtls: f.flag('d'),
    answered: f.flag('w'),
    ...f.optional('tlsId', 't', text),
    ...f.optional('certificate', 'k', text),
    association: f.number('n'),
    wishes: f.list('wi').map((wish) => oneOf(text(wish), ['passive', 'sdes', 'osrtp', 'no tls-id'])),
  };
}

export function encodeIce({ ufrag, pwd, role, generation, offered, inForce }: StreamIce): IceRecord {
  return [ufrag, pwd, role, generation, (offered ? 1 : 0) + (inForce ? 2 : 0)];
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

export function encodeSaidSecurity(said: SignalledSecurity): SignalledRecord['sc'] {
  return [said.crypto, said.fingerprint ?? null, said.setup ?? null, said.tlsId ?? null];
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

export function encodeSaidIce(said: SignalledIce): SignalledRecord['ic'] {
  const state = (said.lite ? 1 : 0) + (said.complete ? 2 : 0);
  return [said.ufrag, said.pwd, said.options, said.candidates, state];
}

export function readSaidIce(value: unknown): SignalledIce {
  const [ufrag, pwd, options, candidates, state] = listOf(value);
  const bits = number(state);
  return {
    ufrag: text(ufrag),
    pwd: text(pwd),
    lite: (bits & 1) !== 0,
    options: text(options),
    candidates: text(candidates),
    complete: (bits & 2) !== 0,
  };
}

function encodeAgreed(agreed: AgreedSecurity): readonly (string | number)[] {
  switch (agreed.kind) {
    case 'none':
      return ['none'];
    case 'sdes':
      return ['sdes', agreed.ours, agreed.theirs, agreed.borrowed ? 1 : 0];
    case 'dtls':
      return ['dtls', agreed.role];
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
