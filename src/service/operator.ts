import { readFileSync } from 'node:fs';
import type { Call } from '../call/call.js';
import { describeCall } from '../call/statistics.js';
import { liveRecording } from '../call/taps.js';
import type { Client } from '../command/command.js';
import type { LoadLimits } from '../command/load.js';
import type { ControlStatistics } from '../command/reply.js';
import type { Config } from '../config/schema.js';
import type { CliNode, CliSession } from '../control/cli/node.js';
import type { SettingName, Settings } from '../control/cli/settings.js';
import type { CallDefaults } from '../negotiation/facts.js';
import type { LogBook } from '../observability/log-book.js';
import type { Events } from '../observability/events.js';
import type { CallRules, CallService } from './call-service.js';
import { isOfReplication, type OperatedReplication, replicationSettings } from './operated-replication.js';
import type { LoadWatch } from './load-watch.js';
import type { CallRegistry } from './registry.js';

export type OperatorParts = {
  readonly config: Config;
  readonly defaults: CallDefaults;
  readonly service: Pick<CallService, 'adjust' | 'end' | 'handle'>;
  readonly registry: Pick<CallRegistry, 'callIds' | 'families' | 'find'>;
  readonly load: Pick<LoadWatch, 'adjust'>;
  readonly controls: () => readonly ControlStatistics[];
  readonly logs: Pick<LogBook, 'start' | 'current' | 'change' | 'watch'>;
  readonly events: Pick<Events, 'settingChanged' | 'callWatched'>;
  /** Absent: there are no other nodes. */
  readonly replication?: OperatedReplication | undefined;
};

/** What an operator sees of this node by the command line, and can change. */
export function operatedNode(parts: OperatorParts): CliNode {
  const { config, controls, defaults, events, load, logs, registry, replication, service } = parts;
  const start = settingsOf(config);
  let current = start;
  return {
    async statistics() {
      const reply = await service.handle({ kind: 'statistics' }, OPERATOR);
      if (reply.kind !== 'nodeStatistics') throw new Error('statistics are answered with statistics');
      return { ...reply.statistics, controls: controls() };
    },
    callIds: () => [...registry.callIds],
    foreignCallIds: () => replication?.callIds ?? [],
    redundancy: replication?.words,
    families: () => registry.families(),
    session(callId) {
      const own = registry.find(callId);
      if (own !== undefined) return sessionOf(own, replication?.keyspace ?? 0, false);
      const foreign = replication?.find(callId);
      return foreign && sessionOf(foreign.call, foreign.keyspace, true);
    },
    async call(callId) {
      const foreign = replication?.find(callId)?.call;
      if (foreign !== undefined) return describeCall(foreign, null, null, Date.now());
      if (registry.find(callId) === undefined) return undefined;
      const reply = await service.handle({ kind: 'query', callId }, OPERATOR);
      return reply.kind === 'statistics' ? reply.statistics : undefined;
    },
    end: async (callId) => (await service.end(callId)) || replication?.end(callId) === true,
    settings: {
      start,
      get current() {
        return current;
      },
      change(name, value) {
        current = { ...current, [name]: value };
        events.settingChanged(name, value);
        if (LOADS.has(name)) load.adjust(loadLimitsOf(current));
        else if (isOfReplication(name)) replication?.adjust(current);
        else service.adjust(rulesOf(current, defaults));
      },
    },
    logLevels: {
      start: logs.start,
      get current() {
        return logs.current;
      },
      change(subsystem, level) {
        logs.change(subsystem, level);
        events.settingChanged(`log-level-${subsystem}`, level);
      },
    },
    watch(callId, on) {
      logs.watch(callId, on);
      events.callWatched(callId, on);
    },
    openFiles: () => ({ limit: openFilesLimit(), pid: process.pid }),
  };
}

function sessionOf(call: Call, keyspace: number, isForeign: boolean): CliSession {
  const isRecorded = liveRecording(call) !== undefined;
  return { ...call, isDeleted: call.deleteAtMs !== undefined, isRecorded, keyspace, isForeign };
}

function settingsOf({
  controlTos,
  deleteDelaySeconds,
  limits,
  maxSessions,
  replication,
  timeouts,
}: Config): Settings {
  return {
    ...replicationSettings(replication),
    timeout: timeouts.mediaSeconds,
    silenttimeout: timeouts.silentSeconds,
    offertimeout: timeouts.offerSeconds,
    finaltimeout: timeouts.finalSeconds ?? 0,
    deletedelay: deleteDelaySeconds,
    maxsessions: maxSessions ?? -1,
    maxcpu: limits.cpuPercent ?? 0,
    maxload: limits.loadAverage ?? 0,
    maxbw: limits.bytesPerSecond ?? 0,
    controltos: controlTos,
  };
}

/** Both halves are started with the same. */
function openFilesLimit(): string {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  return /^Max open files\s+(\S+)/m.exec(limits)?.[1] ?? 'unknown';
}

/** As with rtpengine, 0 is none. */
function loadLimitsOf({ maxcpu, maxload, maxbw }: Settings): LoadLimits {
  return {
    cpuPercent: maxcpu === 0 ? null : maxcpu,
    loadAverage: maxload === 0 ? null : maxload,
    bytesPerSecond: maxbw === 0 ? null : maxbw,
  };
}

function rulesOf(settings: Settings, defaults: CallDefaults): CallRules {
  return {
    maxSessions: settings.maxsessions < 0 ? null : settings.maxsessions,
    defaults: {
      ...defaults,
      mediaTimeoutMs: settings.timeout * 1000,
      silentTimeoutMs: settings.silenttimeout * 1000,
      offerTimeoutMs: settings.offertimeout * 1000,
      finalTimeoutMs: settings.finaltimeout === 0 ? null : settings.finaltimeout * 1000,
      deleteDelaySeconds: settings.deletedelay,
    },
  };
}

const LOADS: ReadonlySet<SettingName> = new Set<SettingName>(['maxcpu', 'maxload', 'maxbw']);
const OPERATOR: Client = { address: '', port: 0, protocol: 'http' };
