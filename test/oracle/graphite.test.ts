import { expect, it } from 'vitest';
import { describeLocalPeers } from '../support/netns-peers.js';
import { LoopbackCall } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import { type OperatedProxy, startOperated } from '../support/operated-pair.js';

const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n';

describeLocalPeers(['rtpengine'], 'what Graphite is told, by rtpengine 10.5 as well', () => {
  it('has the same names, and the same numbers of the same calls', async () => {
    await using oracle = await startOperated('rtpengine');
    await using subject = await startOperated('tandem');
    for (const proxy of [oracle, subject]) await talk(proxy);
    const [theirs, ours] = [await told(oracle), await told(subject)];
    const names = [...ours.keys()].filter((name) => !OF_LATER_VERSIONS.test(name));
    expect(names).toEqual([...theirs.keys()]);
    expect(ours.size - names.length).toBe(7 * 5);
    for (const name of COMPARED) expect(`${name} ${ours.get(name)}`).toBe(`${name} ${theirs.get(name)}`);
  });
});

/** Three calls, of which one goes on, with packets. */
async function talk({ ng }: OperatedProxy): Promise<void> {
  for (const call of ['one', 'two']) {
    const common = { 'call-id': call, 'from-tag': 'a', sdp: SDP, ICE: 'remove' };
    await ng.command({ command: 'offer', ...common });
    await ng.command({ command: 'answer', 'to-tag': 'b', ...common });
    await ng.command({ command: 'delete', 'call-id': call, 'delete delay': 0 });
  }
  const { caller, callee } = await LoopbackCall.setUp(ng, 'three', { ICE: 'remove' });
  caller.send(PACKETS);
  await callee.hears(PACKETS);
}

/** Each name with its last value, or with the sum of all where it is told of each interval anew. */
async function told(proxy: OperatedProxy): Promise<ReadonlyMap<string, number>> {
  return until('all of it to be told', () => {
    const values = new Map<string, number>();
    const lines = proxy.graphite().split('\n').slice(0, -1);
    for (const line of lines) {
      const [, written = '', value] = /^pre\.(.+) (\d+(?:\.\d+)?) \d{10}$/.exec(line) ?? [];
      expect(written, line).not.toBe('');
      // 10.5 leaves the spaces in.
      const name = written.replaceAll(' ', '_').replace(/(_inner_)127[\d.]+$/, '$1ADDRESS');
      const before = PER_INTERVAL.test(name) ? (values.get(name) ?? 0) : 0;
      values.set(name, before + Number(value));
    }
    const isWhole = lines.at(-1)?.includes('ports_used') && values.get('delete_count') === 2;
    const hasCalls = values.get('current_sessions_ipv4') === 1 && values.get('regular_term_sess') === 2;
    const isRelayed = (values.get('relayed_packets') ?? 0) >= PACKETS;
    return isWhole && hasCalls && isRelayed ? new Map([...values].sort()) : undefined;
  });
}

const OF_LATER_VERSIONS = /^(?:pause_recording|connect|create(?:_answer)?|mesh)s?_/;
const PER_INTERVAL = /^relayed_|_(?:term|relayed|stream|timeout)_sess$/;
const PACKETS = 10;

const COMPARED = [
  ...['offer_count', 'answer_count', 'delete_count', 'query_count'],
  ...['current_sessions_total', 'current_sessions_own', 'current_sessions_foreign'],
  ...['current_sessions_ipv4', 'current_sessions_ipv6', 'current_sessions_mixed'],
  ...['regular_term_sess', 'forced_term_sess', 'nopacket_relayed_sess', 'oneway_stream_sess'],
  ...['timeout_sess', 'silent_timeout_sess', 'offer_timeout_sess', 'final_timeout_sess', 'reject_sess'],
  ...['relayed_packets', 'relayed_bytes', 'relayed_errors', 'current_transcoded_media'],
  'ports_used_inner_ADDRESS',
];
