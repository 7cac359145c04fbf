import type { Reply } from '../../command/reply.js';
import { decodeBencode, encodeBencode } from './bencode.js';
import { dictionaryOf, listAt, textAt, textOf } from './bencode-text.js';
import { encodeCall } from './encode-call.js';
import { encodeNode } from './encode-node.js';
import { encodeSubscription } from './encode-subscription.js';
import type { Dictionary } from './value.js';

/** Writes a reply as clients know it: `result` behind everything else, an error's reason behind `result`. */
export function writeNg(reply: Reply): string {
  return dictionaryOf(entriesOf(reply));
}

/** What `writeNg` writes around an SDP and its length. */
export const SDP_REPLY = { before: 'd3:sdp', after: `${textAt('result', 'ok')}e` };

/** The same as data, for other encodings. */
export function encodeNg(reply: Reply): Dictionary {
  return decodeBencode(Buffer.from(writeNg(reply), 'latin1')) ?? new Map();
}

export function encodeError(reason: string): Dictionary {
  return new Map([
    ['result', 'error'],
    ['error-reason', reason],
  ]);
}

function entriesOf(reply: Reply): string {
  switch (reply.kind) {
    case 'pong':
      return textAt('result', 'pong');
    case 'done':
      return OK;
    case 'sdp':
      return recordingsAt(reply.recordings) + textAt('sdp', reply.sdp) + OK;
    case 'party':
      return `${recordingsAt(reply.recordings)}${textAt('call-id', reply.callId)}${textAt('from-tag', reply.fromTag)}${textAt('sdp', reply.sdp)}${OK}`;
    case 'subscription':
      return encodeSubscription(reply) + OK;
    case 'deleted': {
      const statistics = reply.statistics === undefined ? '' : encodeCall(reply.statistics);
      const warning = reply.warning === undefined ? '' : textAt('warning', reply.warning);
      return statistics + warning + OK;
    }
    case 'statistics':
      return encodeCall(reply.statistics) + OK;
    case 'calls':
      return listAt('calls', reply.callIds, textOf) + OK;
    case 'nodeStatistics':
      return `10:statistics${encodeBencode(encodeNode(reply.statistics))}${OK}`;
    case 'cli':
      return textAt('response', reply.response) + OK;
    case 'loadLimit':
      return textAt('result', 'load limit') + textAt('message', reply.message);
    case 'failure':
      return textAt('result', 'error') + textAt('error-reason', reply.message);
  }
}

function recordingsAt(paths: readonly string[] | undefined): string {
  return paths === undefined ? '' : listAt('recordings', paths, textOf);
}

const OK = textAt('result', 'ok');
