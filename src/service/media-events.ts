import { keyLines, keyPress } from '../call/keys.js';
import type { Call } from '../call/call.js';
import { afterKey } from '../call/key-sequences.js';
import { withLearned } from '../call/learned.js';
import { silenceNotice } from '../call/notice.js';
import { withRelayOutcome } from '../call/relays.js';
import { recordingChange } from '../call/taps.js';
import type { RecordingCommand } from '../command/command.js';
import type { Reply } from '../command/reply.js';
import type { Event, TimeoutReason } from '../dataplane/protocol.gen.js';
import type { EndReason } from '../observability/counters.js';
import { Recent } from '../recent.js';
import type { Keeper, KeeperParts } from './keeper.js';
import type { Notifier } from './ports.js';
import { pressed } from './pressed.js';

export type MediaEventsParts = Pick<KeeperParts, 'registry' | 'events' | 'clock'> & {
  readonly notifier: Notifier;
  readonly longestKeyGapMs: () => number;
  /** Carries out what keys say of a recording. */
  readonly record: (command: RecordingCommand) => Promise<Reply>;
};

/** Takes in what the data plane reports of a call; whoever calls has the call's turn. */
export class MediaEvents {
  readonly #parts: MediaEventsParts;
  readonly #keeper: Keeper;
  /** When keys changed the recording of a call the last time. */
  readonly #recordingsChanged = new Recent<number>(MOST_RECENT);

  constructor(parts: MediaEventsParts, keeper: Keeper) {
    this.#parts = parts;
    this.#keeper = keeper;
  }

  async handle(event: Event): Promise<void> {
    const { registry, events } = this.#parts;
    // Most events of browsers change nothing: to write their calls out would cost more than all else.
    const find = () => this.#keeper.find(event.session);
    switch (event.kind) {
      case 'remoteLearned': {
        const call = find();
        if (call !== undefined) registry.set(withLearned(call, event));
        return events.remoteLearned(event);
      }
      case 'suspectPackets':
        return events.suspectPackets(event);
      case 'noFirstPacket': {
        const call = find();
        const notice = call && silenceNotice(call, event.stream, this.#parts.clock.now());
        if (notice !== undefined) this.#parts.notifier.tell(notice);
        return events.noFirstPacket(event);
      }
      case 'telephoneEvent': {
        const call = find();
        if (call === undefined) return;
        this.#tellKey(call, event);
        return this.#obeyKey(call, event);
      }
      case 'dtlsState':
        return events.dtlsState(event);
      case 'iceState':
        return events.iceState(event);
      case 'relay': {
        const call = find();
        if (call !== undefined) registry.set(withRelayOutcome(call, event));
        return events.relaySettled(event);
      }
      case 'tapFailed':
        return events.tapFailed(event);
      case 'mediaTimeout': {
        const call = find();
        if (call === undefined) await this.#keeper.release(event.session);
        // Signalling that came in since then has started the wait anew.
        else if (event.revision === call.revision) await this.#keeper.end(call, TIMEOUTS[event.reason]);
        return;
      }
    }
  }

  /** Keys may bring something about that a client has asked for. */
  async #obeyKey(before: Call, event: Extract<Event, { kind: 'telephoneEvent' }>): Promise<void> {
    const { clock, events, longestKeyGapMs, record } = this.#parts;
    const times = { now: clock.now(), longestGapMs: longestKeyGapMs() };
    const { call, codes } = afterKey(before, event, times);
    if (call.revision !== before.revision) await this.#keeper.insist(call, before);
    // What was typed so far changes no packet's way: it goes along with the next plan.
    else if (call !== before) this.#keeper.store(call, before);
    for (const code of codes) {
      if (!this.#mayChangeRecording(call.callId, times.now)) continue;
      const action = recordingChange(this.#keeper.find(call.callId) ?? call, code);
      if (action === undefined) continue;
      const { callId } = call;
      const reply = await record({ kind: 'recording', action, callId, excludes: false, destination: {} });
      if (reply.kind === 'failure')
        events.commandWarning(callId, `recording was not changed by keys: ${reply.message}`);
    }
  }

  /** Whoever sends packets can press any number of keys, and each change writes files. */
  #mayChangeRecording(callId: string, now: number): boolean {
    const sinceMs = now - (this.#recordingsChanged.get(callId) ?? 0);
    if (sinceMs >= 0 && sinceMs < RECORDING_PAUSE_MS) return false;
    this.#recordingsChanged.set(callId, now);
    return true;
  }

  #tellKey(call: Call, event: Extract<Event, { kind: 'telephoneEvent' }>): void {
    const { notifier, clock } = this.#parts;
    const press = keyPress(call, pressed(event), clock.now());
    if (press === undefined) return;
    notifier.tellKey(press);
    for (const { target, text } of keyLines(call, press)) notifier.tellKeyLine(target, text, call.callId);
  }
}

const RECORDING_PAUSE_MS = 1_000;
const MOST_RECENT = 10_000;

const TIMEOUTS: Record<TimeoutReason, EndReason> = {
  media: 'mediaTimeout',
  silent: 'silentTimeout',
  offer: 'offerTimeout',
};
