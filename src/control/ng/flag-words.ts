import { addCodec, isCodecList } from './codec-spec.js';
import type { Draft } from './draft.js';
import {
  type AddWord,
  addBundle,
  addOsrtp,
  addReplace,
  addRtcpMux,
  addSdesWord,
  addT38,
  setEndpointLearning,
} from './lists.js';
import { readSdpAttributeFlag } from './sdp-attributes.js';
import { eitherCase, table } from './spelling.js';
import type { SubscriptionWord } from './subscriptions.js';

/** Applies one entry of `flags`. Unknown ones leave a warning. */
export function applyFlag(draft: Draft, word: string): void {
  const hyphenated = word.replaceAll(' ', '-');
  const flag = FLAGS.get(hyphenated);
  if (flag !== undefined) flag(draft);
  else if (NO_EFFECT.has(hyphenated)) draft.warnings.noEffect(word);
  else if (!IGNORED.has(hyphenated) && !applyPrefixed(draft, word, hyphenated))
    draft.warnings.unknownFlag(word);
}

/** `codec-strip-PCMA` and the like: a list's name, then its entry. */
function applyPrefixed(draft: Draft, word: string, hyphenated: string): boolean {
  const list = PREFIXES.find(
    ({ prefix }) => hyphenated.length > prefix.length && hyphenated.startsWith(prefix),
  );
  return list?.add(draft, word.slice(list.prefix.length)) ?? false;
}

type Flag = (draft: Draft) => void;

const SWITCHES = table<Flag>(
  ['trust-address', (draft) => set(draft, { trustAddress: true })],
  [eitherCase('SIP-source-address'), (draft) => set(draft, { trustAddress: false })],
  ['asymmetric', (draft) => set(draft, { asymmetric: true })],
  ['unidirectional', (draft) => set(draft, { unidirectional: true })],
  ['strict-source', (draft) => set(draft, { strictSource: true })],
  ['media-handover', (draft) => set(draft, { mediaHandover: true })],
  ['port-latching', (draft) => set(draft, { portLatching: true })],
  ['no-port-latching', (draft) => set(draft, { portLatching: false })],
  ['reset', (draft) => set(draft, { reset: true })],
  ['loop-protect', (draft) => set(draft, { loopProtect: true })],
  ['original-sendrecv', (draft) => set(draft, { originalSendrecv: true })],
  ['generate-mid', (draft) => set(draft, { generateMid: true })],
  ['strip-extmap', (draft) => set(draft, { stripExtmap: true })],
  ['no-rtcp-attribute', (draft) => set(draft, { rtcpAttribute: 'none' })],
  ['full-rtcp-attribute', (draft) => set(draft, { rtcpAttribute: 'full' })],
  [eitherCase('trickle-ICE'), (draft) => set(draft, { trickleIce: true })],
  [eitherCase('reject-ICE', 'ICE-reject'), (draft) => set(draft, { rejectIce: true })],
  [['webrtc', 'webRTC', 'WebRTC', 'WebRtc'], webrtc],
  ['single-codec', (draft) => set(draft, { singleCodec: true })],
  [['reuse-codecs', 'no-codec-renegotiation'], (draft) => set(draft, { reuseCodecs: true })],
  ['static-codecs', (draft) => set(draft, { staticCodecs: true })],
  ['allow-asymmetric-codecs', (draft) => set(draft, { allowAsymmetricCodecs: true })],
  ['allow-no-codec-media', (draft) => set(draft, { allowNoCodecMedia: true })],
  ['always-transcode', (draft) => set(draft, { codec: addCodec(draft.flags.codec, 'accept', 'all') })],
  ['pad-crypto', (draft) => set(draft, { sdes: { ...draft.flags.sdes, pad: true } })],
  ['recrypt', (draft) => set(draft, { recrypt: true })],
  ['no-tls-id', (draft) => set(draft, { noTlsId: true })],
  [eitherCase('block-DTMF'), (draft) => set(draft, { blockDtmf: true })],
  [eitherCase('NAT-wait'), (draft) => set(draft, { natWait: true })],
  [eitherCase('pierce-NAT'), (draft) => set(draft, { pierceNat: true })],
  [eitherCase('generate-RTCP'), (draft) => set(draft, { generateRtcp: true })],
  ['record-call', (draft) => set(draft, { recordCall: 'on' })],
  ['discard-recording', (draft) => set(draft, { recordCall: 'discard' })],
  [['recording-vsc', 'recording-VSC'], (draft) => set(draft, { recordingCodesCount: true })],
  ['exclude-recording', (draft) => set(draft, { excludeRecording: true })],
  ['fragment', (draft) => set(draft, { fragment: true })],
  [['debug', 'debugging'], (draft) => set(draft, { debug: true })],
  ['no-redis-update', (draft) => set(draft, { noRedisUpdate: true })],
  ['new-branch', (draft) => set(draft, { newBranch: true })],
  ['provisional', (draft) => set(draft, { provisional: true })],
  [['passthrough', 'passthru'], (draft) => set(draft, { passthrough: true })],
  [['no-passthrough', 'no-passthru'], (draft) => set(draft, { passthrough: false })],
);

const COMMAND_SWITCHES = table<Flag>(
  ['all', (draft) => assign(draft, { all: 'all' })],
  ['directional', (draft) => assign(draft, { directional: true })],
  ['to-tag', (draft) => assign(draft, { toTagCounts: true })],
  ['fatal', (draft) => assign(draft, { fatal: true })],
  ['fast', (draft) => assign(draft, { fast: true })],
  ['pause', (draft) => assign(draft, { pause: true })],
  ['unsubscribe', (draft) => assign(draft, { unsubscribes: true })],
  [eitherCase('SIPREC'), (draft) => wish(draft, 'siprec')],
  ['egress', (draft) => wish(draft, 'egress')],
  ['inactive', (draft) => wish(draft, 'inactive')],
  ['mix', (draft) => wish(draft, 'mix')],
  ['bidirectional', (draft) => wish(draft, 'bidirectional')],
  [eitherCase('mirror-RTCP', 'RTCP-mirror'), (draft) => wish(draft, 'mirrorsRtcp')],
  ['allow-transcoding', (draft) => wish(draft, 'allowsTranscoding')],
);

/** Every word of `flags` that has an effect, by each of its spellings. */
export const FLAGS: ReadonlyMap<string, Flag> = new Map([...SWITCHES, ...COMMAND_SWITCHES]);

function webrtc(draft: Draft): void {
  set(draft, {
    transportProtocol: 'UDP/TLS/RTP/SAVPF',
    ice: 'force',
    trickleIce: true,
    rtcpAttribute: 'none',
    sdes: { ...draft.flags.sdes, off: true },
    generateMid: true,
  });
  for (const word of ['offer', 'require']) {
    addRtcpMux(draft, word);
    addBundle(draft, word);
  }
}

function set(draft: Draft, flags: Partial<Draft['flags']>): void {
  Object.assign(draft.flags, flags);
}

function assign(
  draft: Draft,
  changes: Partial<
    Pick<Draft, 'all' | 'directional' | 'toTagCounts' | 'fatal' | 'fast' | 'pause' | 'unsubscribes'>
  >,
): void {
  Object.assign(draft, changes);
}

function wish(draft: Draft, word: SubscriptionWord): void {
  draft.wishes.add(word);
}

const addCodecWord: AddWord = (draft, word) => {
  const dash = word.indexOf('-');
  const list = word.slice(0, Math.max(dash, 0));
  if (!isCodecList(list) || dash + 1 === word.length) return false;
  draft.flags.codec = addCodec(draft.flags.codec, list, word.slice(dash + 1));
  return true;
};

const addTranscode: AddWord = (draft, word) => {
  draft.flags.codec = addCodec(draft.flags.codec, 'transcode', word);
  return true;
};

export const addFromTag: AddWord = (draft, word) => {
  if (draft.fromTags.length < MOST_PARTIES) draft.fromTags = [...draft.fromTags, word];
  return true;
};

/** More legs fit into no record of a call. */
const MOST_PARTIES = 64;

const PREFIXES: readonly { readonly prefix: string; readonly add: AddWord }[] = [
  ...prefixed(addReplace, 'replace-'),
  ...prefixed(addRtcpMux, 'rtcp-mux-', 'RTCP-mux-'),
  ...prefixed(addSdesWord, 'SDES-', 'sdes-'),
  ...prefixed(addOsrtp, 'OSRTP-', 'osrtp-'),
  ...prefixed(addCodecWord, 'codec-'),
  ...prefixed(addTranscode, 'transcode-'),
  ...prefixed(addT38, 'T38-', 'T.38-', 't38-', 't.38-'),
  ...prefixed(setEndpointLearning, 'endpoint-learning-'),
  ...prefixed(addBundle, 'BUNDLE-', 'bundle-'),
  ...prefixed(readSdpAttributeFlag, 'sdp-attr-'),
  ...prefixed(addFromTag, 'from-tags-'),
];

function prefixed(add: AddWord, ...prefixes: readonly string[]) {
  return prefixes.map((prefix) => ({ prefix, add }));
}

/** Features of the protocol that do not exist here. */
const NO_EFFECT: ReadonlySet<string> = new Set([
  ...eitherCase('inject-DTMF', 'detect-DTMF'),
  'force-transcoding',
  'no-jitter-buffer',
  'skip-recording-db',
  'recording-announcement',
  'early-media',
  'audio-player',
  'player',
  'no-audio-player',
  'block-egress',
  'block-short',
  'block-short-packets',
]);

/** The default anyway, obsolete, or meant for the SIP proxy that passed it on. */
const IGNORED: ReadonlySet<string> = new Set([
  'symmetric',
  'asymmetric-codecs',
  'symmetric-codecs',
  'reorder-codecs',
  'force-answer',
]);
