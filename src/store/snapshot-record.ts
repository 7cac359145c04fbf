import type {
  IceRole,
  IceSnapshot,
  KeySnapshot,
  KeysSnapshot,
  SrtpKeyPlan,
  StreamSnapshot,
  ValidPair,
} from '../dataplane/protocol.gen.js';
import { fail, Fields, numberOrNull, text } from './record-fields.js';

/**
 * What it takes to continue a protected call, in a form that outlives the version that wrote it: fields that are not known
 * are left out, since the data plane would refuse them.
 */
export function encodeSnapshot(streams: readonly StreamSnapshot[], pace?: Pace): string {
  return JSON.stringify({ v: '1.0', pace, streams });
}

/** When a snapshot was taken, and how many packets a second are sent under its fastest key. */
export type Pace = { readonly atMs: number; readonly perSecond: number };

export type InheritedSnapshot = {
  readonly snapshot: readonly StreamSnapshot[] | undefined;
  readonly isOutrun: boolean;
};

/**
 * What to go on with, and whether more packets may have come since than a roll-over counter can be guessed over (RFC 3711
 * §3.3.1): who went on then might send under indices that were used, with the same keystream. Nobody knows of one that cannot be
 * read; those of versions that did not write the time are not judged.
 */
export function inheritedSnapshot(written: string | undefined, nowMs: number): InheritedSnapshot {
  if (written === undefined) return { snapshot: undefined, isOutrun: false };
  const snapshot = decodeSnapshot(written);
  return { snapshot, isOutrun: snapshot === undefined || isOutrun(written, nowMs) };
}

function isOutrun(written: string, nowMs: number): boolean {
  try {
    const pace = new Fields(JSON.parse(written)).maybe('pace', paceOf);
    return pace !== undefined && ((nowMs - pace.atMs) / 1_000) * pace.perSecond >= MOST_UNKNOWN;
  } catch {
    return true;
  }
}

function paceOf(value: unknown): Pace {
  const fields = new Fields(value);
  return { atMs: fields.number('atMs'), perSecond: fields.number('perSecond') };
}

/** Less than half a cycle, by the replay window and a second of packets. */
const MOST_UNKNOWN = 30_000;

/** `undefined`: it cannot be read. */
export function decodeSnapshot(written: string): readonly StreamSnapshot[] | undefined {
  try {
    const fields = new Fields(JSON.parse(written));
    return fields.text('v').startsWith('1.') ? fields.list('streams').map(stream) : undefined;
  } catch {
    return undefined;
  }
}

function stream(value: unknown): StreamSnapshot {
  const fields = new Fields(value);
  return {
    stream: fields.number('stream'),
    association: fields.number('association'),
    rtp: fields.maybe('rtp', keys) ?? fail(),
    rtcp: fields.maybe('rtcp', orNull(keys)) ?? null,
    bundled: fields.list('bundled').map((item) => {
      const source = new Fields(item);
      return { ssrc: source.number('ssrc'), stream: source.number('stream') };
    }),
    ice: fields.list('ice').map(ice),
  };
}

function keys(value: unknown): KeysSnapshot {
  const fields = new Fields(value);
  return {
    receive: fields.maybe('receive', orNull(key)) ?? null,
    send: fields.maybe('send', orNull(key)) ?? null,
  };
}

function key(value: unknown): KeySnapshot {
  const fields = new Fields(value);
  const sources = fields.list('sources').map((item) => {
    const source = new Fields(item);
    return {
      ssrc: source.number('ssrc'),
      rtpIndex: source.maybe('rtpIndex', numberOrNull) ?? null,
      rtcpIndex: source.maybe('rtcpIndex', numberOrNull) ?? null,
      sequenceOffset: source.number('sequenceOffset'),
    };
  });
  return { key: fields.maybe('key', material) ?? fail(), sources };
}

function material(value: unknown): SrtpKeyPlan {
  const fields = new Fields(value);
  return {
    suite: fields.text('suite'),
    keyBase64: fields.text('keyBase64'),
    saltBase64: fields.text('saltBase64'),
    mkiBase64: fields.maybe('mkiBase64', orNull(text)) ?? null,
    unencryptedSrtp: isTrue(fields, 'unencryptedSrtp'),
    unencryptedSrtcp: isTrue(fields, 'unencryptedSrtcp'),
    unauthenticatedSrtp: isTrue(fields, 'unauthenticatedSrtp'),
  };
}

function ice(value: unknown): IceSnapshot {
  const fields = new Fields(value);
  return {
    localUfrag: fields.text('localUfrag'),
    localPwd: fields.text('localPwd'),
    remoteUfrag: fields.text('remoteUfrag'),
    remotePwd: fields.text('remotePwd'),
    role: fields.maybe('role', role) ?? fail(),
    tieBreaker: fields.text('tieBreaker'),
    rtp: fields.list('rtp').map(pair),
    rtcp: fields.list('rtcp').map(pair),
  };
}

function role(value: unknown): IceRole {
  return value === 'controlling' || value === 'controlled' ? value : fail();
}

function pair(value: unknown): ValidPair {
  const fields = new Fields(value);
  return { pair: fields.maybe('pair', pairOf) ?? fail(), nominated: isTrue(fields, 'nominated') };
}

function pairOf(value: unknown): ValidPair['pair'] {
  const fields = new Fields(value);
  return {
    local: fields.number('local'),
    remote: fields.text('remote'),
    relayed: isTrue(fields, 'relayed'),
  };
}

function orNull<T>(read: (value: unknown) => T): (value: unknown) => T | null {
  return (value) => (value === null ? null : read(value));
}

function isTrue(fields: Fields, name: string): boolean {
  return fields.maybe(name, (value) => value === true) ?? false;
}
