import type {
  BundleItem,
  EndpointLearning,
  IceMode,
  LegSide,
  OsrtpItem,
  ReplaceItem,
  RtcpMuxItem,
} from '../../command/flags.js';
import type { Draft } from './draft.js';
import { addSdes } from './sdes.js';
import { eitherCase, spelled, table } from './spelling.js';

/** Applies one word of a list such as `replace`; false if there is no such word. */
export type AddWord = (draft: Draft, word: string) => boolean;

export const addReplace: AddWord = (draft, word) => {
  const item = REPLACE.get(word);
  if (item === undefined) return false;
  draft.flags.replace = including(draft.flags.replace, item);
  return true;
};

export const addRtcpMux: AddWord = (draft, word) => {
  const item = RTCP_MUX.get(word);
  if (item === undefined) return false;
  draft.flags.rtcpMux = including(draft.flags.rtcpMux, item);
  if (item === 'require') draft.flags.rtcpMux = including(draft.flags.rtcpMux, 'offer');
  return true;
};

export const addBundle: AddWord = (draft, word) => {
  const item = BUNDLE.get(word);
  if (item === undefined) return false;
  draft.flags.bundle = including(draft.flags.bundle, item);
  if (item !== 'accept' && item !== 'reject') draft.flags.generateMid = true;
  return true;
};

export const addSdesWord: AddWord = (draft, word) => {
  const sdes = addSdes(draft.flags.sdes, word);
  if (sdes === undefined) return false;
  draft.flags.sdes = sdes;
  return true;
};

export const addOsrtp: AddWord = (draft, word) => {
  const items = OSRTP.get(word);
  if (items === undefined) return false;
  for (const item of items) draft.flags.osrtp = including(draft.flags.osrtp, item);
  return true;
};

export const addT38: AddWord = (draft, word) => {
  if (!T38.has(word)) return false;
  if (!draft.flags.t38.includes(word)) draft.flags.t38 = [...draft.flags.t38, word];
  return true;
};

export const setEndpointLearning: AddWord = (draft, word) => {
  const mode = LEARNING.get(word);
  if (mode === undefined) return false;
  draft.flags.endpointLearning = mode;
  return true;
};

export const addIce: AddWord = (draft, word) => {
  const mode = ICE.get(word);
  if (mode !== undefined) draft.flags.ice = mode;
  else if (word === 'trickle') draft.flags.trickleIce = true;
  else if (word === 'ice2') draft.flags.ice2 = true;
  else if (word === 'lite') draft.flags.iceLite = 'both';
  else if (word.startsWith('lite-')) return setIceLite(draft, word.slice('lite-'.length));
  else return false;
  return true;
};

export const setIceLite: AddWord = (draft, word) => {
  const side = ICE_LITE.get(word);
  if (side === undefined) return false;
  draft.flags.iceLite = side;
  return true;
};

function including<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  return set.has(item) ? set : new Set([...set, item]);
}

const REPLACE = table<ReplaceItem>(
  ['origin', 'origin'],
  [spelled('session-connection', '- '), 'session-connection'],
  [spelled('session-name', '- '), 'session-name'],
  ['username', 'username'],
  [eitherCase(...spelled('SDP-version', '- ')), 'SDP-version'],
  [spelled('zero-address', '- '), 'zero-address'],
  [spelled('origin-full', '- '), 'origin-full'],
  [spelled('force-increment-sdp-ver', '- '), 'force-increment-sdp-ver'],
);

const RTCP_MUX = table<RtcpMuxItem>(
  ['offer', 'offer'],
  ['require', 'require'],
  ['demux', 'demux'],
  ['accept', 'accept'],
  ['reject', 'reject'],
);

const BUNDLE = table<BundleItem>(
  ['accept', 'accept'],
  ['offer', 'offer'],
  ['require', 'require'],
  ['strict', 'strict'],
  ['reject', 'reject'],
);

const OSRTP = table<readonly OsrtpItem[]>(
  [['offer', 'offer-RFC', 'offer-rfc'], ['offer']],
  ['offer-legacy', ['offer-legacy']],
  [['accept-rfc', 'accept-RFC'], ['accept-rfc']],
  ['accept-legacy', ['accept-legacy']],
  ['accept', ['accept-rfc', 'accept-legacy']],
);

const T38: ReadonlySet<string> = new Set([
  'decode',
  'force',
  'stop',
  'no-ECM',
  'no-V.17',
  'no-V.27ter',
  'no-V.29',
  'no-V.34',
  'no-IAF',
  'FEC',
]);

const LEARNING = table<EndpointLearning>(
  ['off', 'off'],
  ['immediate', 'immediate'],
  ['delayed', 'delayed'],
  ['heuristic', 'heuristic'],
);

const ICE = table<IceMode>(
  ['remove', 'remove'],
  ['force', 'force'],
  ['default', 'default'],
  ['optional', 'optional'],
  [spelled('force-relay', '- _'), 'force-relay'],
);

const ICE_LITE = table<LegSide>(
  [['off', 'none', 'no'], 'off'],
  [['forward', 'offer', 'fwd', 'fw'], 'forward'],
  [['backward', 'backwards', 'reverse', 'answer', 'back', 'bkw', 'bk'], 'backward'],
  ['both', 'both'],
);
