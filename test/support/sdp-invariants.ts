import type { Line, MediaDescription, SessionDescription } from '../../src/sdp/model.js';
import { parseSdp } from '../../src/sdp/parse.js';

/** What is wrong with any body the proxy writes, whatever it was asked for. Nothing, it is hoped. */
export function faultsOf(sdp: string): readonly string[] {
  const parsed = parseSdp(sdp);
  if (!parsed.ok) return [`cannot be read: ${parsed.reason}`];
  const { description } = parsed;
  const isGrouped = attributes(description.lines).some((value) => value.startsWith('group:BUNDLE'));
  return [
    ...lineFaults(sdp),
    ...groupFaults(description),
    ...description.medias.flatMap((media, at) =>
      mediaFaults(media, isGrouped).map((fault) => `section ${at + 1}: ${fault}`),
    ),
  ];
}

function lineFaults(sdp: string): readonly string[] {
  const lines = sdp.slice(0, -2).split('\r\n');
  return [
    ...(sdp.endsWith('\r\n') ? [] : ['the last line does not end']),
    ...lines
      .filter((line) => /[\r\n]/.test(line) || line === '')
      .map(() => 'a line that ends in another way'),
    ...lines.filter((line) => /^m=.* $/.test(line)),
    ...lines.filter((line) => /undefined|\[object/.test(line)),
    ...lines.filter((line) => /^a=(?:mid|label|rtcp|ptime|setup|extmap|crypto|candidate):?$/.test(line)),
  ];
}

function groupFaults({ lines, medias }: SessionDescription): readonly string[] {
  const mids = medias.flatMap((media) => valuesOf(media.lines, 'mid'));
  const grouped = attributes(lines)
    .filter((value) => value.startsWith('group:BUNDLE'))
    .flatMap((value) => value.split(' ').slice(1));
  return [
    ...(new Set(mids).size === mids.length ? [] : ['two sections with one identification']),
    ...grouped
      .filter((mid) => !mids.includes(mid))
      .map((mid) => `the group names ${mid}, which is not there`),
  ];
}

function mediaFaults(media: MediaDescription, isGrouped: boolean): readonly string[] {
  const faults = SINGLE.filter((name) => valuesOf(media.lines, name).length > 1).map(
    (name) => `two a=${name}`,
  );
  if (media.lines.filter(({ type }) => type === 'c').length !== 1) faults.push('not one c=');
  if (!/^(?:UDP\/TLS\/)?RTP\//i.test(media.protocol) || media.port === 0) return faults;
  if (media.formats.length === 0) faults.push('no format');
  const all = attributes(media.lines);
  for (const value of all) {
    const named = /^(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(value)?.[1];
    if (named !== undefined && !media.formats.includes(named)) faults.push(`${value} without its format`);
    const base = /^fmtp:\d+ apt=(\d+)/.exec(value)?.[1];
    if (base !== undefined && !media.formats.includes(base)) faults.push(`${value} without its base`);
  }
  if (new Set(media.formats).size !== media.formats.length) faults.push('a format twice');
  const has = (name: string) => all.some((value) => value.startsWith(`${name}:`));
  const isKeyed = has('crypto') || has('fingerprint') || isGrouped;
  if (/SAVP/i.test(media.protocol) && !isKeyed) faults.push('secured without keys');
  if (has('fingerprint') && !has('setup')) faults.push('a fingerprint without setup');
  if (has('ice-ufrag') !== has('ice-pwd')) faults.push('half of the credentials of ICE');
  if (has('candidate') && !has('ice-ufrag')) faults.push('candidates without credentials');
  return faults;
}

function attributes(lines: readonly Line[]): readonly string[] {
  return lines.filter(({ type }) => type === 'a').map(({ value }) => value);
}

function valuesOf(lines: readonly Line[], name: string): readonly string[] {
  return attributes(lines)
    .filter((value) => value === name || value.startsWith(`${name}:`))
    .map((value) => value.slice(name.length + 1));
}

const SINGLE = [
  ...['rtcp', 'rtcp-mux', 'mid', 'label', 'setup', 'fingerprint', 'tls-id', 'ptime', 'maxptime'],
  ...['ice-ufrag', 'ice-pwd', 'ice-options', 'end-of-candidates', 'bundle-only', 'extmap-allow-mixed'],
  ...['sendrecv', 'sendonly', 'recvonly', 'inactive'],
] as const;
