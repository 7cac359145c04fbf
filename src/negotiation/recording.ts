import type { Call } from '../call/call.js';
import { legWithTag, replaceLeg } from '../call/legs.js';
import { liveRecording, replaceTap, tappedSide, tappedStreams, withTap } from '../call/taps.js';
import type { RecordingCommand } from '../command/command.js';
import type { MediaFlags, RecordingDestination } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { StreamPlan, TapPlan } from '../dataplane/protocol.gen.js';
import { detach } from '../sdp/detach.js';
import type { Facts } from './facts.js';
import { recordingPlace } from './recording-path.js';

export type RecordingChange = RecordingCommand['action'];

/** What an offer or answer asks for. Where nothing can be recorded, the call goes on without. */
export function withRecordingFlags(call: Call, flags: MediaFlags, facts: Facts): Call | CommandFailure {
  const rules = facts.defaults.recording;
  const change = flags.recordCall ?? (rules?.everyCall && call.revision === 0 ? 'on' : undefined);
  if (change === undefined || rules === null) return call;
  return withRecording(call, CHANGES[change], flags.recordingDestination, facts);
}

/** Carries out a command about the recording of a call. */
export function controlRecording(
  call: Call,
  command: RecordingCommand,
  facts: Facts,
): { readonly kind: 'changed'; readonly call: Call } | CommandFailure {
  const recorded = withRecording(withRemarks(call, command), command.action, command.destination, facts);
  if ('kind' in recorded) return recorded;
  return { kind: 'changed', call: recorded === call ? call : { ...recorded, revision: call.revision + 1 } };
}

export function withRecording(
  call: Call,
  change: RecordingChange,
  destination: RecordingDestination = {},
  facts: Facts,
): Call | CommandFailure {
  const live = liveRecording(call);
  switch (change) {
    case 'start':
      if (live === undefined) return begun(call, destination, facts);
      return live.state === 'paused' ? replaceTap(call, { ...live, state: 'on' }) : call;
    case 'pause':
      return live?.state === 'on' ? replaceTap(call, { ...live, state: 'paused' }) : call;
    case 'stop':
      return live === undefined ? call : replaceTap(call, { ...live, state: 'stopped' });
    case 'discard':
      return live === undefined ? call : replaceTap(call, { ...live, state: 'discarded' });
  }
}

function begun(call: Call, destination: RecordingDestination, facts: Facts): Call | CommandFailure {
  const rules = facts.defaults.recording;
  if (rules === null) return call;
  const random = Buffer.from(facts.random.bytes(8)).toString('hex');
  const names = { callId: call.callId, random, now: facts.now };
  const place = recordingPlace(rules.directory, destination, names);
  if (place.kind === 'failure') return place;
  const tapped = withTap(call, {
    purpose: 'recording',
    streams: undefined,
    side: rules.side,
    rtcp: rules.rtcp,
    state: 'on',
    startedMs: facts.now,
    target: { kind: 'pcap', path: place.path, link: rules.link },
    prefix: place.prefix,
  });
  return tapped ?? failure('limit', 'Too many recordings and forks in one call');
}

/** A from-tag says whose a remark is, and which party is not to be recorded. */
function withRemarks(call: Call, { fromTag, metadata, excludes }: RecordingCommand): Call {
  const leg = fromTag === undefined ? undefined : legWithTag(call, fromTag);
  const said = metadata === undefined ? undefined : detach(metadata);
  const after = said === undefined ? call : { ...call, metadata: said };
  if (leg === undefined || (said === undefined && !excludes)) return after;
  const party = { ...leg, metadata: said ?? leg.metadata, unrecorded: leg.unrecorded || excludes };
  return replaceLeg(after, party);
}

/** `undefined`: nothing is copied. */
export function tapPlans(call: Call, planned: readonly StreamPlan[]): TapPlan[] | undefined {
  if (call.taps === undefined) return undefined;
  const ids = new Set(planned.map(({ id }) => id));
  return call.taps.map((tap) => {
    const { id, rtcp, state, target } = tap;
    return {
      id,
      streams: tappedStreams(call, tap).filter((stream) => ids.has(stream)),
      side: tappedSide(call, tap),
      rtcp,
      paused: state !== 'on',
      target: target.kind === 'pcap' ? target : { ...target, rtcp: target.rtcp ?? null },
    };
  });
}

const CHANGES = { on: 'start', off: 'stop', discard: 'discard' } as const;
