import type { Reply } from '../../command/reply.js';
import { encodeCall } from './encode-call.js';
import { encodeNode } from './encode-node.js';
import type { Dictionary, Value } from './value.js';

/** Writes a reply as clients know it: `result` behind everything else, an error's reason behind `result`. */
export function encodeNg(reply: Reply): Dictionary {
  switch (reply.kind) {
    case 'pong':
      return entries(['result', 'pong']);
    case 'done':
      return entries(OK);
    case 'sdp':
      return entries(['sdp', reply.sdp], OK);
    case 'deleted': {
      const statistics = reply.statistics === undefined ? [] : encodeCall(reply.statistics);
      const warning: Entry[] = reply.warning === undefined ? [] : [['warning', reply.warning]];
      return entries(...statistics, ...warning, OK);
    }
    case 'statistics':
      return entries(...encodeCall(reply.statistics), OK);
    case 'calls':
      return entries(['calls', reply.callIds], OK);
    case 'nodeStatistics':
      return entries(['statistics', encodeNode(reply.statistics)], OK);
    case 'loadLimit':
      return entries(['result', 'load limit'], ['message', reply.message]);
    case 'failure':
      return entries(['result', 'error'], ['error-reason', reply.message]);
  }
}

export function encodeError(reason: string): Dictionary {
  return entries(['result', 'error'], ['error-reason', reason]);
}

type Entry = [key: string, value: Value];

const OK: Entry = ['result', 'ok'];

function entries(...pairs: readonly (readonly [string, Value])[]): Dictionary {
  return new Map(pairs);
}
