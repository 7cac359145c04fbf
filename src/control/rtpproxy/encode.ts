import type { PairOutcome, PairPort, PairReply } from '../../command/pair.js';
import type { FailureCode } from '../../command/reply.js';
import { type CommandCounts, type ReplyForm, writeCounters, writeQuery, writeSummary } from './statistics.js';

/** The text of a reply, without its line end. */
export function encodeReply(reply: PairReply, form: ReplyForm, counts: CommandCounts): string {
  switch (reply.kind) {
    case 'done':
    case 'no pair':
      return '0';
    case 'port':
      return writePort(reply) + writeOutcomes(reply.after);
    case 'pair statistics': {
      const text = form.kind === 'query' ? writeQuery(reply.statistics, form) : '';
      return text === undefined ? encodeError(62) : text + writeOutcomes(reply.after);
    }
    case 'pair counters':
      if (form.kind === 'counters') return writeCounters(reply.counters, counts, form);
      return writeSummary(reply.counters, form.kind === 'summary' && form.load);
    case 'failure':
      return encodeError(NUMBERS[reply.code]);
  }
}

export function encodeError(number: number): string {
  return `E${number}`;
}

/** The third word tells IPv6: without it Kamailio writes `IN IP4` in front of any address. */
function writePort({ port, address, family }: PairPort): string {
  return `${port} ${address}${family === 'IP6' ? ' 6' : ''}`;
}

/** Silent successes show only in front of something that does not keep silent. */
function writeOutcomes(outcomes: readonly PairOutcome[]): string {
  const last = outcomes.findLastIndex(({ kind }) => kind !== 'silent');
  return outcomes
    .slice(0, last + 1)
    .map((outcome) => ` && ${writeOutcome(outcome)}`)
    .join('');
}

function writeOutcome(outcome: PairOutcome): string {
  switch (outcome.kind) {
    case 'silent':
      return '0';
    case 'failed':
      return '-1';
    case 'port':
      return writePort(outcome);
  }
}

/**
 * No number from 7 to 10 in answer to an update: OpenSIPS takes these for a proxy that has failed, from versions
 * that used other numbers, and leaves it out for a minute.
 */
const NUMBERS: Readonly<Record<FailureCode, number>> = {
  badRequest: 5,
  badSdp: 5,
  unknownCall: 50,
  unknownParty: 50,
  dialogue: 72,
  outOfPorts: 72,
  limit: 98,
  draining: 99,
  badAddress: 37,
  noSuchAddress: 31,
  noAddressOfFamily: 36,
  noRoute: 32,
  notPermitted: 75,
  noCodecs: 35,
  notPlayed: 60,
  notCopied: 65,
  unsupported: 35,
  unavailable: 72,
  internal: 81,
};
