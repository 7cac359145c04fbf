import type { PartySelection } from '../../command/command.js';
import { addCodec, isCodecList } from './codec-spec.js';
import { readCalls, readFlows, readMedias } from './connections.js';
import type { Draft } from './draft.js';
import { DTMF_KEYS } from './dtmf-keys.js';
import { addFromTag, applyFlag } from './flag-words.js';
import { readPause, recordingText } from './recording-keys.js';
import { choice, draftText, flagInteger, flagText, type ReadKey, wordList } from './key-readers.js';
import {
  addBundle,
  addIce,
  addOsrtp,
  addReplace,
  addRtcpMux,
  addSdesWord,
  addT38,
  setEndpointLearning,
  setIceLite,
} from './lists.js';
import { readSdpAttributes } from './sdp-attributes.js';
import { eitherCase, spelled, table } from './spelling.js';
import { integer, isDictionary, text, type Value, words } from './value.js';

/** Applies one key of a message. Unknown ones leave a warning. */
export function applyKey(draft: Draft, key: string, value: Value): void {
  const read = KEYS.get(key);
  if (read !== undefined) read(draft, value, key);
  else if (NO_EFFECT.has(key)) draft.warnings.noEffect(key);
  else if (!IGNORED.has(key)) draft.warnings.unknownKey(key);
}

const SWITCH_ON = ['on', 'yes', 'enable', 'enabled'];
const SWITCH_OFF = ['off', 'no', 'disable', 'disabled'];

const CALL_KEYS = table<ReadKey>(
  [['call-id', 'call-ID', 'call id', 'call ID'], draftText('callId')],
  [spelled('from-tag', '- '), draftText('fromTag')],
  [spelled('to-tag', '- _'), draftText('toTag')],
  ['via-branch', draftText('viaBranch')],
  [['sdp', 'SDP'], draftText('sdp')],
  ['address', draftText('address')],
  [spelled('to-label', '- '), draftText('toLabel')],
  ['from-tags', readFromTags],
  [[...spelled('to-call-id', '- '), ...spelled('to-call-ID', '- ')], draftText('toCallId')],
  ['medias', readMedias],
  ['calls', readCalls],
  ['tags', readFlows],
  ['interface', draftText('interface')],
  ['all', readAll],
  ['limit', readLimit],
  ['body', draftText('body')],
  ['supports', readSupports],
  [spelled('delete-delay', '- _'), readDeleteDelay],
  [['label', ...spelled('from-label', '- ')], flagText('label')],
  [spelled('set-label', '- '), flagText('setLabel')],
  ['metadata', flagText('metadata')],
  [
    'alias-key',
    choice('aliasKey', [['none', 'off', 'no'], null], ['SDP', 'SDP'], [['address', 'endpoint'], 'address']),
  ],
  [
    [...spelled('sip-code', '- _'), ...spelled('SIP-code', '- _')],
    flagInteger('sipCode', (code) => code >= 100 && code < 700),
  ],
  ...DTMF_KEYS,
  [['xmlrpc-callback', 'XMLRPC-callback'], flagText('xmlrpcCallback')],
  [eitherCase('DTMF-log-dest', 'DTMF-log-destination'), flagText('dtmfLogDestination')],
  [
    spelled('record-call', '- '),
    choice('recordCall', [['yes', 'on'], 'on'], [['no', 'off'], 'off'], ['discard', 'discard']),
  ],
  [destinations('file', 'dest', 'destination'), recordingText('file')],
  [destinations('path', 'dir', 'directory', 'folder'), recordingText('directory')],
  [destinations('pattern'), recordingText('pattern')],
  ['pause', readPause],
);

const MEDIA_KEYS = table<ReadKey>(
  ['flags', readFlags],
  ['replace', wordList(addReplace)],
  [spelled('received-from', '- '), readReceivedFrom],
  ['direction', readDirection],
  [spelled('from-interface', '- '), flagText('fromInterface')],
  [spelled('to-interface', '- '), flagText('toInterface')],
  [spelled('inbound-peer', '- '), flagText('inboundPeer')],
  [spelled('outbound-peer', '- '), flagText('outboundPeer')],
  [spelled('address-family', '- '), choice('addressFamily', ['IP4', 'IP4'], ['IP6', 'IP6'])],
  [spelled('media-address', '- '), flagText('mediaAddress')],
  [spelled('endpoint-learning', '- '), wordList(setEndpointLearning)],
  [['TOS', 'tos'], readTos],
  [
    spelled('media-echo', '- '),
    choice(
      'mediaEcho',
      [['blackhole', 'sinkhole'], 'blackhole'],
      [['forward', 'fwd', 'fw'], 'forward'],
      [['backward', 'backwards', 'reverse', 'back', 'bkw', 'bk'], 'backward'],
      ['both', 'both'],
    ),
  ],
  [spelled('drop-traffic', '- '), readDropTraffic],
  [spelled('transport-protocol', '- '), flagText('transportProtocol')],
  [
    eitherCase('DTLS', ...spelled('DTLS-reverse', '- ')),
    choice(
      'dtls',
      ['passive', 'passive'],
      ['active', 'active'],
      [['off', 'no', 'disable', 'disabled'], 'off'],
    ),
  ],
  [eitherCase(...spelled('DTLS-fingerprint', '- ')), flagText('dtlsFingerprint')],
  [['SDES', 'sdes'], wordList(addSdesWord)],
  [['OSRTP', 'osrtp'], wordList(addOsrtp)],
  [['passthrough', 'passthru'], choice('passthrough', [SWITCH_ON, true], [SWITCH_OFF, false])],
  [['ICE', 'ice'], wordList(addIce)],
  [eitherCase(...spelled('ICE-lite', '- ')), wordList(setIceLite)],
  [eitherCase(...spelled('RTCP-mux', '- ')), wordList(addRtcpMux)],
  [
    eitherCase(...spelled('generate-RTCP', '- ')),
    choice('generateRtcp', [SWITCH_ON, true], [SWITCH_OFF, false]),
  ],
  [['bundle', 'BUNDLE'], wordList(addBundle)],
  [['codec', 'codecs'], readCodec],
  ['ptime', flagInteger('ptimeMs', (ms) => ms > 0)],
  [
    [...spelled('ptime-reverse', '- '), ...spelled('reverse-ptime', '- ')],
    flagInteger('ptimeReverseMs', (ms) => ms > 0),
  ],
  [eitherCase('T.38', 'T38'), wordList(addT38)],
  ['sdp-attr', readSdpAttributes],
  [spelled('sdp-media-remove', '- '), readMediaRemove],
  ['extmap', readExtmap],
);

/** Every key of an offer, answer or media command that has an effect, by each of its spellings. */
export const KEYS: ReadonlyMap<string, ReadKey> = new Map([...CALL_KEYS, ...MEDIA_KEYS]);

function destinations(...what: readonly string[]): readonly string[] {
  return what.flatMap((name) => [...spelled(`recording-${name}`, '- '), ...spelled(`output-${name}`, '- ')]);
}

function readFlags(draft: Draft, value: Value): void {
  for (const word of words(value)) applyFlag(draft, word);
}

function readAll(draft: Draft, value: Value, key: string): void {
  const word = text(value) ?? '';
  const all = ALL.get(word);
  if (all === undefined) draft.warnings.unknownValue(key, word);
  else draft.all = all;
}

function readLimit(draft: Draft, value: Value, key: string): void {
  const limit = integer(value);
  if (limit === undefined) draft.warnings.unknownValue(key, text(value) ?? 'no number');
  else draft.limit = limit;
}

function readSupports(draft: Draft, value: Value): void {
  if (words(value).includes('load limit')) draft.supportsLoadLimit = true;
}

function readDeleteDelay(draft: Draft, value: Value, key: string): void {
  const seconds = integer(value);
  if (seconds === undefined) draft.warnings.unknownValue(key, text(value) ?? 'no number');
  else if (seconds < 0) delete draft.deleteDelaySeconds;
  else draft.deleteDelaySeconds = seconds;
}

/** `["IP4" | "IP6", address]`, or the address alone. */
function readReceivedFrom(draft: Draft, value: Value): void {
  const address = words(value).findLast((word) => word !== 'IP4' && word !== 'IP6');
  if (address !== undefined) draft.flags.receivedFrom = address;
}

function readDirection(draft: Draft, value: Value, key: string): void {
  const [towardsSender, towardsReceiver, ...more] = words(value);
  if (towardsSender !== undefined) draft.flags.fromInterface = towardsSender;
  if (towardsReceiver !== undefined) draft.flags.toInterface = towardsReceiver;
  for (const interfaceName of more) draft.warnings.unknownValue(key, interfaceName);
}

function readTos(draft: Draft, value: Value, key: string): void {
  const tos = integer(value);
  if (tos === undefined || tos > 256) draft.warnings.unknownValue(key, text(value) ?? 'no number');
  else draft.flags.tos = Math.max(tos, -1);
}

/** With both given, `start` holds. */
function readDropTraffic(draft: Draft, value: Value, key: string): void {
  for (const word of words(value)) {
    if (word === 'start') draft.flags.dropTraffic = 'start';
    else if (word === 'stop') draft.flags.dropTraffic ??= 'stop';
    else draft.warnings.unknownValue(key, word);
  }
}

function readCodec(draft: Draft, value: Value, key: string): void {
  if (!isDictionary(value)) {
    draft.warnings.unknownValue(key, 'no dictionary');
    return;
  }
  for (const [name, specs] of value) {
    if (!isCodecList(name)) draft.warnings.unknownKey(`${key}.${name}`);
    else for (const spec of words(specs)) draft.flags.codec = addCodec(draft.flags.codec, name, spec);
  }
}

function readFromTags(draft: Draft, value: Value): void {
  for (const tag of words(value)) addFromTag(draft, tag);
}

function readMediaRemove(draft: Draft, value: Value): void {
  draft.flags.sdpMediaRemove = [...draft.flags.sdpMediaRemove, ...words(value)];
}

function readExtmap(draft: Draft, value: Value, key: string): void {
  if (!isDictionary(value)) {
    draft.warnings.unknownValue(key, 'no dictionary');
    return;
  }
  for (const [name, uris] of value) {
    if (name === 'strip') draft.flags.extmapStrip = [...draft.flags.extmapStrip, ...words(uris)];
    else if (name === 'mask') draft.flags.extmapMask = [...draft.flags.extmapMask, ...words(uris)];
    else draft.warnings.unknownKey(`${key}.${name}`);
  }
}

const ALL = table<Exclude<PartySelection['all'], undefined>>(
  ['all', 'all'],
  ['offer-answer', 'offer-answer'],
  [['except-offer-answer', 'not-offer-answer', 'non-offer-answer'], 'except-offer-answer'],
  ['flows', 'flows'],
);

/** Features of the protocol that do not exist here. */
const NO_EFFECT: ReadonlySet<string> = new Set([
  'peer',
  ...spelled('delay-buffer', '- '),
  ...['moh', 'MoH', 'MOH'],
  ...spelled('audio-player', '- '),
  'player',
  ...eitherCase('T.38 version', 'T38 version', 'T.38-version', 'T38-version'),
  ...spelled('recording-media-slots', '- '),
  ...spelled('recording-media-slot-offer', '- '),
  ...spelled('recording-media-slot-answer', '- '),
  ...eitherCase(...spelled('DTMF-delay', '- ')),
]);

/** Read elsewhere, without meaning for the commands that exist, or meant for the SIP proxy that passed it on. */
const IGNORED: ReadonlySet<string> = new Set([
  'command',
  ...spelled('sip-message-type', '- _'),
  ...spelled('SIP-message-type', '- _'),
  'repacketize',
]);
