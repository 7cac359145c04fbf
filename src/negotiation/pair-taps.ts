import type { Call } from '../call/call.js';
import { type FoundPair, findPair, matchingPairs, opposite, sipTag, streamOf } from '../call/pairs.js';
import { socketAddress } from '../call/signalled.js';
import { isLive, replaceTap, type Tap, type TapTarget, tapsOf, withTap } from '../call/taps.js';
import type { PairCopy, PairMediaAction, PairMediaCommand } from '../command/pair.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { familyOf, isUnspecified } from '../sdp/address.js';
import type { Facts } from './facts.js';
import { printable, recordingPlace } from './recording-path.js';

type Changed = { readonly kind: 'changed'; readonly call: Call } | CommandFailure;
type TapAction = Extract<PairMediaAction, { kind: 'record' | 'copy' | 'stopRecording' }>;

/** Copies what parties of pairs send, or no longer does. */
export function withPairTap(call: Call, named: PairMediaCommand, action: TapAction, facts: Facts): Changed {
  switch (action.kind) {
    case 'record': {
      const found = matchingPairs(call, named);
      const [first] = found;
      if (first === undefined) return UNKNOWN;
      const ending = action.together ? '' : first.side === 'creator' ? '.o' : '.a';
      const place = filePlace(
        call,
        `${fileName(call.callId)}=${fileName(sipTag(named.fromTag))}${ending}`,
        facts,
      );
      if (place.kind === 'failure') return failure('unknownCall', place.message);
      const streams = streamsOf(found, action.together);
      const isRunning = tapsOf(call).some((tap) => copiesAny(tap, streams) && isFile(tap, place.path));
      if (isRunning) return action.together ? RUNNING : { kind: 'changed', call };
      return begun(call, streams, place, facts);
    }
    case 'copy': {
      const found = findPair(call, named);
      if (found === undefined) return UNKNOWN;
      const target = copyTarget(call, action, facts);
      if (target.kind === 'failure') return failure('notCopied', target.message);
      return begun(call, streamsOf([found], action.together), target, facts);
    }
    case 'stopRecording':
      return stopped(call, streamsOf(matchingPairs(call, named), action.together));
  }
}

function begun(call: Call, streams: readonly number[], target: TapTarget, facts: Facts): Changed {
  const rtcp = target.kind === 'datagrams' || facts.defaults.recording?.rtcp === true;
  const tapped = withTap(call, {
    purpose: 'pair',
    streams,
    side: 'arriving',
    rtcp,
    state: 'on',
    startedMs: facts.now,
    target,
    prefix: undefined,
  });
  return tapped === undefined ? failure('notCopied', 'too many copies of one call') : changed(tapped);
}

function stopped(call: Call, streams: readonly number[]): Changed {
  const meant = tapsOf(call).filter((tap) => copiesAny(tap, streams));
  if (meant.length === 0) return failure('unknownCall', 'nothing is recorded');
  return changed(meant.reduce((present, tap) => replaceTap(present, { ...tap, state: 'stopped' }), call));
}

function streamsOf(found: readonly FoundPair[], together: boolean): readonly number[] {
  return found.flatMap(({ pair, side }) => {
    const named = streamOf(pair, side);
    return together ? [named, streamOf(pair, opposite(side))] : [named];
  });
}

function copyTarget(call: Call, { target, wantsPort }: PairCopy, facts: Facts): TapTarget | CommandFailure {
  const [, host = '', port = ''] = /^udp:\[?([^\]]+?)\]?:(\d{1,5})$/i.exec(target) ?? [];
  if (host === '') {
    if (target.includes(':')) return failure('notCopied', 'only udp: and files can be copied to');
    return wantsPort ? failure('notCopied', NO_PORT) : filePlace(call, target, facts);
  }
  if (wantsPort) return failure('notCopied', NO_PORT);
  const number = Number(port);
  if (familyOf(host) === undefined || isUnspecified(host) || number < 1 || number >= 65_535)
    return failure('notCopied', `${target} is nobody's address`);
  return { kind: 'datagrams', rtp: socketAddress(host, number), rtcp: socketAddress(host, number + 1) };
}

function filePlace(
  { callId }: Call,
  file: string,
  facts: Facts,
): Extract<TapTarget, { kind: 'pcap' }> | CommandFailure {
  const rules = facts.defaults.recording;
  if (rules === null) return failure('unknownCall', 'no directory for recordings is configured');
  const place = recordingPlace(rules.directory, { file }, { callId, random: '', now: facts.now });
  return place.kind === 'failure' ? place : { kind: 'pcap', path: place.path, link: rules.link };
}

/** Call-IDs and tags may hold anything but spaces. */
function fileName(text: string): string {
  const name = printable(text.replaceAll('/', '_').replace(/^\./, '_'));
  return name.slice(0, LONGEST_PART);
}

function copiesAny(tap: Tap, streams: readonly number[]): boolean {
  return tap.purpose === 'pair' && isLive(tap) && tap.streams?.some((id) => streams.includes(id)) === true;
}

/** Also if the name was taken, and digits were put behind it. */
function isFile({ target }: Tap, path: string): boolean {
  if (target.kind !== 'pcap') return false;
  const [stem, own] = [path, target.path].map((name) => name.replace(/\.pcap$/, ''));
  return own === stem || own?.replace(/-\d+-\d+$/, '') === stem;
}

function changed(call: Call): Changed {
  return { kind: 'changed', call: { ...call, revision: call.revision + 1 } };
}

const UNKNOWN = failure('unknownCall', 'no such session');
const RUNNING = failure('unknownCall', 'it is recorded already');
const NO_PORT = 'where copies come from is not told';
const LONGEST_PART = 100;
