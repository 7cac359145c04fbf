import { addQuality, addQualityAt } from './quality.js';
import { copyEvents } from './copies.js';
import type { Call } from '../call/call.js';
import type { Place } from '../call/places.js';
import type { LogSubsystem } from '../command/log-subsystems.js';
import type { Client, Command } from '../command/command.js';
import type { LoadLimit } from '../command/load.js';
import type { PairCommand } from '../command/pair.js';
import type { CommandFailure } from '../command/reply.js';
import type { CertificatePlan, Event, SessionStats, SuspectCause } from '../dataplane/protocol.gen.js';
import type { DataPlaneError } from '../service/ports.js';
import type { Counters, EndReason } from './counters.js';
import type { Lines } from './log-book.js';
import { replicationEvents } from './replication.js';

export type Events = ReturnType<typeof createEvents>;

/** What happens in this process and is worth a log line and a counter: one function for both, one per event. */
export function createEvents(log: Lines, counters: Counters) {
  const part = (name: LogSubsystem): Lines => log.of?.(name) ?? log;
  const [control, crypto, ice, srtp] = [part('control'), part('crypto'), part('ice'), part('srtp')];
  return {
    ...copyEvents(log, counters),
    ...replicationEvents(log, counters),

    commandRefused(command: Command | PairCommand, { code, message }: CommandFailure): void {
      counters.commandsRefused += 1;
      const callId = 'callId' in command ? command.callId : undefined;
      const name = command.kind === 'unsupported' ? command.name : command.kind;
      control.warn({ callId, command: name, code, message }, 'command refused');
    },

    commandWarning(callId: string, warning: string): void {
      control.warn({ callId, warning }, 'part of a command has no effect');
    },

    callCreated(callId: string, { address, port }: Client): void {
      counters.callsCreated += 1;
      log.info({ callId }, 'call created');
      log.debug({ callId, client: `${address}:${port}` }, 'call created by');
    },

    patternRefused({ detail }: DataPlaneError): void {
      control.debug(detail, 'the data plane does not take a pattern');
    },

    callRejected(callId: string, reason: string): void {
      counters.callsRejected += 1;
      log.warn({ callId, reason }, 'call refused');
    },

    callOverloads(callId: string, limit: LoadLimit): void {
      counters.callsOverloading[limit] += 1;
      log.warn({ callId, limit }, 'call refused: too much load');
    },

    loadExceeded(limit: LoadLimit, value: number | undefined, allowed: number | null): void {
      log.warn({ limit, value: rounded(value), allowed }, 'too much load: new calls are refused');
    },

    loadAllowed(limit: LoadLimit, value: number | undefined, allowed: number | null): void {
      log.info({ limit, value: rounded(value), allowed }, 'no longer too much load');
    },

    loadUnknown(limit: LoadLimit, error: unknown): void {
      log.error({ limit, error: textOf(error) }, 'load cannot be measured: its limit does not apply');
    },

    callEnded(
      { callId, createdMs }: Pick<Call, 'callId' | 'createdMs'>,
      reason: EndReason,
      now: number,
      media: SessionStats | null,
    ): void {
      const seconds = Math.max(0, (now - createdMs) / 1000);
      counters.callsEnded[reason] += 1;
      counters.callSecondsTotal += seconds;
      counters.callSecondsSquared += seconds * seconds;
      addQuality(counters.quality, media);
      const received = (media?.streams ?? []).map(({ rtp }) => rtp.receivedPackets);
      const silent = received.filter((packets) => packets === 0).length;
      if (silent > 0 && silent === received.length) counters.callsEndedWithoutMedia += 1;
      else if (silent > 0) counters.callsEndedOneWay += 1;
      log.info({ callId, reason, seconds: Math.round(seconds), packets: sum(received) }, 'call ended');
      log.over?.(callId);
    },

    /** The call is another node's from now on, or nobody's. */
    callLeft(callId: string): void {
      log.over?.(callId);
    },

    /** Of a call that has ended. */
    qualityMeasured(places: ReadonlyMap<number, Place>, media: SessionStats): void {
      addQualityAt(counters.qualityAt, places, media);
    },

    deletionScheduled({ callId, deleteAtMs }: Call, now: number): void {
      log.debug(
        { callId, inMs: deleteAtMs === undefined ? undefined : deleteAtMs - now },
        'deletion scheduled',
      );
    },

    remoteLearned({
      session: callId,
      stream,
      component,
      address,
    }: Extract<Event, { kind: 'remoteLearned' }>): void {
      log.debug({ callId, stream, component, address }, 'peer found');
    },

    suspectPackets(event: Extract<Event, { kind: 'suspectPackets' }>): void {
      const { session: callId, stream, component, cause, source, packets } = event;
      counters.suspectPackets += packets;
      const level = EXPECTED.has(cause) ? 'debug' : 'warn';
      const to = SECURED.has(cause) ? srtp : log;
      to[level]({ callId, stream, component, cause, packets }, SUSPICIONS[cause]);
      to.debug({ callId, stream, component, cause, source }, 'the stranger');
    },

    noFirstPacket({ session: callId, stream }: Extract<Event, { kind: 'noFirstPacket' }>): void {
      counters.noFirstPacketEvents += 1;
      log.warn({ callId, stream }, 'no media from a party since its answer');
    },

    dtlsState(event: Extract<Event, { kind: 'dtlsState' }>): void {
      const { session: callId, stream, component, state } = event;
      switch (state.kind) {
        case 'handshaking':
        case 'connected':
          crypto.debug({ callId, stream, component, ...state }, 'DTLS');
          return;
        case 'fingerprintMismatch':
          counters.fingerprintMismatches += 1;
          crypto.warn({ callId, stream, component }, 'certificate of a party is not the one it announced');
          crypto.debug({ callId, stream, component, source: state.source }, 'the stranger');
          return;
        case 'failed':
          counters.dtlsFailures += 1;
          crypto.warn({ callId, stream, component, reason: state.reason }, 'DTLS handshake failed');
          crypto.debug({ callId, stream, component, source: state.source }, 'who it was with');
          return;
      }
    },

    iceState({ session: callId, stream, state }: Extract<Event, { kind: 'iceState' }>): void {
      switch (state) {
        case 'waiting':
        case 'checking':
        case 'connected':
        case 'completed':
          ice.debug({ callId, stream, state }, 'ICE');
          return;
        case 'failed':
          counters.iceFailures += 1;
          ice.warn({ callId, stream }, 'ICE failed: no candidate pair of a party works');
          return;
        case 'disconnected':
          counters.iceDisconnections += 1;
          ice.warn({ callId, stream }, 'a party has stopped consenting to media');
          return;
      }
    },

    tapFailed({ session: callId, tap, reason }: Extract<Event, { kind: 'tapFailed' }>): void {
      log.warn({ callId, tap, reason }, 'copies of a call are lost');
    },

    relaySettled({ session: callId, stream, outcome }: Extract<Event, { kind: 'relay' }>): void {
      switch (outcome.kind) {
        case 'granted':
          counters.relaysGranted += 1;
          ice.debug({ callId, stream, rtp: outcome.rtp, rtcp: outcome.rtcp }, 'relayed candidate');
          return;
        case 'failed':
          counters.relaysFailed += 1;
          ice.warn({ callId, stream, reason: outcome.reason }, 'no relayed candidate');
          return;
        case 'lost':
          counters.relaysLost += 1;
          ice.warn({ callId, stream, reason: outcome.reason }, 'relayed candidate lost');
          return;
      }
    },

    snapshotTaken(sessions: number): void {
      if (sessions > 0) log.debug({ sessions }, 'state of protected calls saved');
    },

    snapshotFailed(error: unknown): void {
      log.error({ error: textOf(error) }, 'state of protected calls not saved');
    },

    applyFailed(callId: string, { detail }: DataPlaneError): void {
      const { code, ...rest } = detail;
      // An address that is not ours, or a port somebody else has, is for the operator to mend.
      const level =
        code === 'addressNotLocal' || code === 'portBusy' || code === 'internal' ? 'error' : 'warn';
      log[level]({ callId, code, ...rest }, 'data plane refused the call');
    },

    releaseFailed(callId: string, error: unknown): void {
      log.warn(
        { callId, error: textOf(error) },
        'session not released; it will be when the data plane is back',
      );
    },

    certificateChanged({ fingerprints, key, validUntilMs }: CertificatePlan): void {
      const [fingerprint] = fingerprints;
      const until = new Date(validUntilMs).toISOString();
      crypto.info({ fingerprint: fingerprint?.value, key: key.kind, until }, 'DTLS certificate of new calls');
    },

    certificateUnusable(reason: string): void {
      crypto.error({ reason }, 'DTLS certificate not taken from its files; the one before stays in use');
    },

    certificateExpires({ validUntilMs }: CertificatePlan): void {
      crypto.warn({ until: new Date(validUntilMs).toISOString() }, 'DTLS certificate expires soon');
    },

    certificateNotTended(error: unknown): void {
      crypto.warn({ error: textOf(error) }, 'DTLS certificate not renewed; trying again');
    },

    dataPlaneConnected(boot: string, sessions: number): void {
      log.info({ boot, sessions }, 'data plane connected');
    },

    dataPlaneAwaited(reason: string): void {
      log.info({ reason }, 'waiting for the data plane');
    },

    dataPlaneLost(reason: string): void {
      counters.dataPlaneLosses += 1;
      log.error({ reason }, 'data plane lost');
    },

    fastPathLost(reason: string): void {
      log.error({ reason }, 'the required fast path is gone; calls go on in userspace');
    },

    eventsDropped(kept: number): void {
      log.warn({ kept }, 'too much reported before calls are recovered; some of it is dropped');
    },

    recoveryFailed(error: unknown): void {
      log.error({ error: textOf(error) }, 'calls not recovered; trying again');
    },

    recovered(outcome: {
      adopted: number;
      reapplied: number;
      released: number;
      lost: number;
      ms: number;
    }): void {
      counters.callsAdopted += outcome.adopted;
      counters.callsReapplied += outcome.reapplied;
      log.info(outcome, 'calls and data plane agree');
    },

    callLost(callId: string, error: unknown): void {
      counters.callsLost += 1;
      log.error({ callId, error: textOf(error) }, 'call could not be brought back');
    },

    memoUnreadable(callId: string): void {
      counters.memosUnreadable += 1;
      log.error({ callId }, 'record of a call cannot be read; its media goes on until it falls silent');
    },

    noticesDropped(target: string, reason: string, notices: number): void {
      counters.noticesDropped += notices;
      log.warn({ target, reason, notices }, 'notifications dropped');
    },

    noticeDelivered(target: string, { callId, event }: NoticeOf, remark: string | undefined): void {
      counters.noticesSent += 1;
      log.debug({ callId, target, event }, 'notification delivered');
      if (remark !== undefined) log.warn({ callId, target, event, remark }, 'notification answered oddly');
    },

    /** `letter`: the whole notice, for those who want to make up for it. */
    noticeLost(target: string, { callId, event }: NoticeOf, reason: string, letter?: string): void {
      counters.noticesDropped += 1;
      log.warn({ callId, target, event, reason, letter }, 'notification dropped');
    },

    keyTold(target: string, callId: string): void {
      counters.keysTold += 1;
      log.debug({ callId, target }, 'key told');
    },

    keyLost(target: string, callId: string, reason: string): void {
      counters.keysLost += 1;
      log.warn({ callId, target, reason }, 'key not told');
    },

    deadLetterUnwritten(error: unknown): void {
      log.error({ error: textOf(error) }, 'dropped notification not written to its file');
    },

    drainNotRemembered(error: unknown): void {
      log.warn({ error: textOf(error) }, 'whether we drain would be forgotten in a crash');
    },

    taskFailed(callId: string, error: unknown): void {
      log.error({ callId, error: error instanceof Error ? error.stack : String(error) }, 'defect');
    },

    settingChanged(setting: string, value: number): void {
      log.warn({ setting, value }, 'changed by the operator');
    },

    /** `dropped`: texts that were too old to wait any longer. */
    graphiteConnected(server: string, dropped: number): void {
      log.info({ server, dropped: dropped === 0 ? undefined : dropped }, 'Graphite connected');
    },

    graphiteLost(server: string, reason: string): void {
      log.warn({ server, reason }, 'no connection to Graphite; trying again');
    },

    callWatched(callId: string, on: boolean): void {
      log.warn({ callId, on }, 'everything is told of a call, as the operator wishes');
    },

    draining(on: boolean): void {
      log.info({ draining: on }, 'draining');
    },
  };
}

/** What becomes of packets that are not, or not provably, a party's. */
const SUSPICIONS: Readonly<Record<SuspectCause, string>> = {
  foreign: 'packets from a stranger dropped',
  tolerated: 'packets from a stranger passed on: its stream is not strict about sources',
  notAuthentic: 'SRTP that is not authentic dropped',
  replay: 'SRTP that was heard before dropped',
  unkeyed: 'SRTP dropped that came before its keys',
  check: 'connectivity checks of a stranger dropped',
  handshake: 'DTLS nobody waits for dropped',
  malformed: 'packets that are no media dropped',
  early: 'packets dropped that came before their sender was signalled',
};

const SECURED: ReadonlySet<SuspectCause> = new Set<SuspectCause>(['notAuthentic', 'replay', 'unkeyed']);

/** They are seen without an attack, too. */
const EXPECTED: ReadonlySet<SuspectCause> = new Set<SuspectCause>(['early', 'unkeyed']);

type NoticeOf = { readonly callId: string; readonly event: string };

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 100) / 100;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
