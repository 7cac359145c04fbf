import type { Call, CallTimeouts } from '../call/call.js';
import { reportsKeys } from '../call/keys.js';
import type { Client, OfferCommand } from '../command/command.js';
import type { MediaFlags } from '../command/flags.js';
import { detach } from '../sdp/detach.js';
import type { CallDefaults, Facts } from './facts.js';
import { readsKeys } from './key-blocks.js';

export function newCall(command: Pick<OfferCommand, 'callId'>, client: Client, facts: Facts): Call {
  const { defaults, now } = facts;
  return {
    callId: detach(command.callId),
    revision: 0,
    createdMs: now,
    lastSignalMs: now,
    createdFrom: `${client.address}:${client.port}`,
    metadata: undefined,
    xmlrpcCallback: undefined,
    dtmfLogDestination: undefined,
    tellsKeys: defaults.tellsKeys,
    tos: defaults.tos,
    timeouts: timeoutsOf(defaults),
    learning: { mode: defaults.endpointLearning, strict: defaults.strictSource, handover: false },
    deleteDelayMs: defaults.deleteDelaySeconds * 1000,
    deleteAtMs: undefined,
    dropTraffic: false,
    generateRtcp: undefined,
    rtcpIntervalMs: defaults.rtcpIntervalMs,
    forwarding: undefined,
    restrictions: [],
    nextId: 1,
    legs: [],
    dialogues: [],
    pairs: undefined,
    keySequences: undefined,
    keyWatches: undefined,
    ownTimeoutMs: undefined,
    earlyFragments: undefined,
    taps: undefined,
    readsKeys: undefined,
    subscriptions: undefined,
    links: undefined,
    departed: undefined,
  };
}

/** What a message says of the call as a whole. It also calls off a scheduled deletion. */
export function withCallFlags(call: Call, flags: MediaFlags, facts: Facts): Call {
  const { defaults } = facts;
  return {
    ...call,
    lastSignalMs: facts.now,
    metadata: newest(flags.metadata, call.metadata),
    xmlrpcCallback: newest(flags.xmlrpcCallback, call.xmlrpcCallback),
    dtmfLogDestination: newest(flags.dtmfLogDestination, call.dtmfLogDestination),
    deleteAtMs: undefined,
    tos: tosAfter(call, flags, defaults),
    timeouts: timeoutsOf(defaults),
    learning: {
      mode: flags.endpointLearning ?? call.learning.mode,
      strict: call.learning.strict || flags.strictSource,
      handover: call.learning.handover || flags.mediaHandover,
    },
    generateRtcp: flags.generateRtcp ?? call.generateRtcp,
    rtcpIntervalMs: defaults.rtcpIntervalMs,
    dropTraffic: flags.dropTraffic === undefined ? call.dropTraffic : flags.dropTraffic === 'start',
    readsKeys: call.readsKeys ?? (readsKeys(flags) ? true : undefined),
  };
}

/**
 * Reports of our own under a key of the parties would use its keystream twice (RFC 3711 §9.1), and what is copied, told or
 * altered has to be read: then the parties get keys of ours, and not each other's.
 */
export function withOwnKeys(flags: MediaFlags, call: Call): MediaFlags {
  if (flags.recrypt) return flags;
  const isRead = call.readsKeys === true || reportsKeys(call) || flags.extmapMask.length > 0;
  return isRead || call.generateRtcp === true ? { ...flags, recrypt: true } : flags;
}

function newest(said: string | undefined, known: string | undefined): string | undefined {
  return said === undefined ? known : detach(said);
}

/** Below 0: as before. Absent or 256: an answer keeps it too, since only offers set it. */
function tosAfter(call: Call, { tos }: MediaFlags, defaults: CallDefaults): number {
  if (tos === undefined || tos < 0) return call.tos;
  return tos > 255 ? defaults.tos : tos;
}

function timeoutsOf(defaults: CallDefaults): CallTimeouts {
  return {
    mediaMs: defaults.mediaTimeoutMs,
    silentMs: defaults.silentTimeoutMs,
    offerMs: defaults.offerTimeoutMs,
    firstPacketMs: defaults.firstPacketTimeoutMs,
    finalMs: defaults.finalTimeoutMs,
  };
}
