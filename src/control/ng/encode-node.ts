import type { ControlStatistics, NodeStatistics } from '../../command/reply.js';
import type { Dictionary, Value } from './value.js';

/** The reply to `statistics`: integers are numbers, everything with a fraction is text with six decimals. */
export function encodeNode(node: NodeStatistics): Dictionary {
  return new Map<string, Value>([
    [
      'currentstatistics',
      new Map<string, Value>([
        ['sessionsown', node.sessions],
        ['sessionsforeign', 0],
        ['sessionstotal', node.sessions],
        ['transcodedmedia', 0],
      ]),
    ],
    ['totalstatistics', totals(node)],
    ['controlstatistics', controls(node.controls)],
    ['interfaces', []],
    ['transcoders', []],
  ]);
}

function totals(node: NodeStatistics): Dictionary {
  return new Map<string, Value>([
    ['uptime', String(Math.trunc(node.uptimeSeconds))],
    ['managedsessions', node.managedSessions],
    ['rejectedsessions', node.rejectedSessions],
    ['timeoutsessions', node.timeoutSessions],
    ['silenttimeoutsessions', node.silentTimeoutSessions],
    ['finaltimeoutsessions', node.finalTimeoutSessions],
    ['offertimeoutsessions', node.offerTimeoutSessions],
    ['regularterminatedsessions', node.regularTerminatedSessions],
    ['forcedterminatedsessions', node.forcedTerminatedSessions],
    ['relayedpackets_user', node.relayedPackets],
    ['relayedpacketerrors_user', node.relayedPacketErrors],
    ['relayedbytes_user', node.relayedBytes],
    ['relayedpackets_kernel', 0],
    ['relayedpacketerrors_kernel', 0],
    ['relayedbytes_kernel', 0],
    ['relayedpackets', node.relayedPackets],
    ['relayedpacketerrors', node.relayedPacketErrors],
    ['relayedbytes', node.relayedBytes],
    ['zerowaystreams', node.zeroWayStreams],
    ['onewaystreams', node.oneWayStreams],
    ['avgcallduration', node.averageCallDurationSeconds.toFixed(6)],
    ['totalcallsduration', node.totalCallsDurationSeconds.toFixed(6)],
  ]);
}

function controls(clients: readonly ControlStatistics[]): Dictionary {
  const sums = SHORT_NAMES.map(([command, short]): [string, Value] => [
    `total${short}count`,
    clients.reduce((total, { commands }) => total + (commands.get(command)?.count ?? 0), 0),
  ]);
  return new Map<string, Value>([['proxies', clients.map(client)], ...sums]);
}

function client({ proxy, commands, errors }: ControlStatistics): Dictionary {
  const record = new Map<string, Value>([['proxy', proxy]]);
  for (const [command, short] of SHORT_NAMES) {
    const { count, seconds } = commands.get(command) ?? { count: 0, seconds: 0 };
    record.set(`${short}count`, count);
    record.set(`${short}duration`, seconds.toFixed(6));
  }
  return record.set('errorcount', errors);
}

/** Commands and what they are called in statistics. */
const SHORT_NAMES: readonly (readonly [command: string, short: string])[] = [
  ['ping', 'ping'],
  ['offer', 'offer'],
  ['answer', 'answer'],
  ['delete', 'delete'],
  ['query', 'query'],
  ['list', 'list'],
  ['start recording', 'startrec'],
  ['stop recording', 'stoprec'],
  ['pause recording', 'pauserec'],
  ['start forwarding', 'startfwd'],
  ['stop forwarding', 'stopfwd'],
  ['block DTMF', 'blkdtmf'],
  ['unblock DTMF', 'unblkdtmf'],
  ['block media', 'blkmedia'],
  ['unblock media', 'unblkmedia'],
  ['play media', 'playmedia'],
  ['stop media', 'stopmedia'],
  ['play DTMF', 'playdtmf'],
  ['statistics', 'stats'],
  ['silence media', 'slnmedia'],
  ['unsilence media', 'unslnmedia'],
  ['publish', 'pub'],
  ['subscribe request', 'subreq'],
  ['subscribe answer', 'subans'],
  ['unsubscribe', 'unsub'],
];
