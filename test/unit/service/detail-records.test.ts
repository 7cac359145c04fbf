import { beforeEach, expect, test } from 'vitest';
import type { DetailRecord } from '../../../src/call/detail-record.js';
import type { Client } from '../../../src/command/command.js';
import { DEFAULT_FLAGS } from '../../../src/command/flags.js';
import type { ComponentStats, SessionStats, SsrcStats } from '../../../src/dataplane/protocol.gen.js';
import { detailRecorder, type RecordForm } from '../../../src/observability/detail-records.js';
import { ReplyCache } from '../../../src/control/reply-cache.js';
import { RtpproxyResponder } from '../../../src/control/rtpproxy/responder.js';
import { createLogger } from '../../../src/observability/logger.js';
import { FakeDataPlane } from '../../support/fake-data-plane.js';
import { audio, FACTS } from '../negotiation/sample.js';
import { type FakeNode, startFakeNode } from './fake-node.js';

const CLIENT: Client = { address: '192.0.2.250', port: 5060, protocol: 'ng' };

let node: FakeNode;
let lines: string[];
let now: number;

beforeEach(async () => {
  await start('json');
});

/** What is not about calls that have ended is not written: the log's own level is the highest. */
async function start(format: 'json' | 'text', form: RecordForm = 'fields'): Promise<void> {
  lines = [];
  now = FACTS.now;
  const logger = createLogger({ level: 'error', format }, { write: (line) => void lines.push(line) });
  const parts = { clock: { now: () => now }, keepDetails: detailRecorder(logger, form) };
  node = await startFakeNode({ onto: new FakeDataPlane(), parts });
}

function records(): readonly (DetailRecord & { readonly level: number; readonly msg: string })[] {
  return lines.map((line) => JSON.parse(line));
}

async function call(flags = {}): Promise<void> {
  const { service } = node;
  const common = { callId: 'call', fromTag: 'a', flags: { ...DEFAULT_FLAGS, ...flags } };
  await service.handle({ kind: 'offer', ...common, sdp: audio(7, 4000), supportsLoadLimit: false }, CLIENT);
  now += 2_000;
  await service.handle({ kind: 'answer', ...common, toTag: 'b', sdp: audio(8, 5000) }, CLIENT);
}

async function remove(fromTag?: string): Promise<void> {
  const tag = fromTag === undefined ? {} : { fromTag };
  const command = { kind: 'delete', callId: 'call', ...tag, delaySeconds: 0, fatal: false } as const;
  await node.service.handle({ ...command, fast: true }, CLIENT);
}

test('a record tells of the parties, of times, and of what was counted', async () => {
  await call({ label: 'caller', metadata: 'tariff:7', tos: 184 });
  now += 10_500;
  const plan = node.dataPlane.plans.get('call');
  node.dataPlane.statsOf = () => ({ streams: (plan?.streams ?? []).map(({ id }) => streamOf(id)) });
  await remove();
  const [record, ...others] = records();
  expect(others).toEqual([]);
  expect(record).toMatchObject({
    level: 35,
    msg: 'call record',
    callId: 'call',
    reason: 'deleted',
    createdAt: time(0),
    lastSignalAt: time(2_000),
    endedAt: time(12_500),
    seconds: 12.5,
    createdFrom: '192.0.2.250:5060',
    metadata: 'tariff:7',
  });
  expect(record?.parties.map(({ tag, hears }) => [tag, hears])).toEqual([
    ['a', ['b']],
    ['b', ['a']],
  ]);
  expect(record?.parties[0]).toMatchObject({ label: 'caller', createdAt: time(0) });
  expect(record?.parties[0]?.medias).toEqual([
    {
      index: 1,
      type: 'audio',
      protocol: 'RTP/AVP',
      codec: 'PCMU/8000',
      local: expect.stringMatching(/^10\.0\.0\.5:\d+$/),
      rtp: {
        remote: '198.51.100.7:4000',
        receivedPackets: 500,
        receivedBytes: 86_000,
        sentPackets: 498,
        sentBytes: 85_656,
        errors: 3,
        lastPacketAt: time(12_480),
      },
      rtcp: { receivedPackets: 0, receivedBytes: 0, sentPackets: 0, sentBytes: 0, errors: 0 },
      sources: [
        { ssrc: 17, packets: 500, lost: 2, jitterMs: 3.5, mos: 4.2, lossPercent: 0.4, roundTripMs: 41.5 },
        { ssrc: 18, packets: 1, lost: 0, jitterMs: 0 },
      ],
    },
  ]);
});

test('a call that was never answered has a party without a tag, and nobody has heard anybody', async () => {
  const sdp = audio(7, 4000);
  const offer = { kind: 'offer', callId: 'call', fromTag: 'a', viaBranch: 'br1', sdp } as const;
  await node.service.handle({ ...offer, flags: DEFAULT_FLAGS, supportsLoadLimit: false }, CLIENT);
  await remove();
  const parties = records()[0]?.parties ?? [];
  expect(parties.map(({ tag, viaBranch }) => [tag, viaBranch])).toContainEqual([undefined, 'br1']);
  expect(parties.map(({ hears }) => hears)).toEqual([[], []]);
});

test('the record says why the call ended', async () => {
  await call();
  await node.service.end('call');
  await call();
  node.service.handleEvent({
    ...{ kind: 'mediaTimeout', session: 'call', revision: 2, reason: 'silent', lastPacketMsAgo: null },
  });
  await node.registry.run('call', async () => {});
  await call();
  loseTheCall();
  await node.attachment.ready(30_000);
  expect(records().map(({ reason }) => reason)).toEqual(['forced', 'silentTimeout', 'lost']);
});

function loseTheCall(): void {
  const { attachment, dataPlane } = node;
  dataPlane.plans.clear();
  dataPlane.refusals.apply.push({ code: 'portBusy', address: '192.0.2.1', port: 30_000 });
  attachment.disconnected('crash');
  attachment.connected('another boot', 0);
}

test('a record in text is one line, whatever the call is called', async () => {
  await start('text');
  await call({ metadata: 'one\n2026-11-21T00:00:00.000Z error two' });
  await remove();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\S+Z record call record callId=call reason=deleted .*parties=\[\{"tag":"a".*\n$/,
  );
  expect(lines[0]?.trimEnd()).not.toContain('\n');
});

test('a record with commas has the fields of rtpengine, in its order', async () => {
  await start('json', 'commas');
  await call({ tos: 184 });
  now += 10_500;
  const plan = node.dataPlane.plans.get('call');
  node.dataPlane.statsOf = () => ({ streams: (plan?.streams ?? []).map(({ id }) => streamOf(id)) });
  await remove();
  const [line = '', ...others] = lines.map((one): string => JSON.parse(one).msg);
  expect(others).toEqual([]);
  const fields = line.split(', ').map((field) => field.split('='));
  const value = (name: string) => fields.find(([one]) => one === name)?.[1];
  expect(fields.map(([name]) => name)).toEqual([
    ...['ci', 'created_from', 'last_signal', 'tos'],
    ...partyFields('ml0'),
    ...partyFields('ml1'),
    // It ends with a comma.
    '',
  ]);
  expect(line).toMatch(
    /^ci=call, created_from=192\.0\.2\.250:5060, last_signal=\d{10}, tos=\d+, ml0_start_time=\d{10}\.\d{6}, /,
  );
  expect(value('ml0_duration')).toBe('12.500000');
  expect(['ml0', 'ml1'].map((of) => [value(`${of}_local_tag_type`), value(`${of}_remote_tag`)])).toEqual([
    ['FROM_TAG', 'b'],
    ['TO_TAG', 'a'],
  ]);
  expect(line).toContain(
    'payload_type=0, ml0_midx1_rtp_endpoint_ip=198.51.100.7, ml0_midx1_rtp_endpoint_port=4000, ' +
      'ml0_midx1_rtp_local_relay_ip=10.0.0.5, ml0_midx1_rtp_local_relay_port=',
  );
  expect(line).toContain(
    'ml0_midx1_rtp_relayed_packets=500, ml0_midx1_rtp_relayed_bytes=86000, ml0_midx1_rtp_relayed_errors=3, ',
  );
  expect(value('ml0_midx1_rtcp_last_packet')).toBe('0');
});

test('a record with commas names the reason in the words of rtpengine', async () => {
  await start('json', 'commas');
  await call();
  await node.service.end('call');
  for (const reason of ['media', 'silent', 'offer'] as const) {
    await call();
    node.service.handleEvent({
      ...{ kind: 'mediaTimeout', session: 'call', revision: 2, reason, lastPacketMsAgo: null },
    });
    await node.registry.run('call', async () => {});
  }
  await call();
  loseTheCall();
  await node.attachment.ready(30_000);
  expect(lines.map((line) => /ml0_termination=(\w+)/.exec(line)?.[1])).toEqual([
    'FORCED',
    'TIMEOUT',
    'SILENT_TIMEOUT',
    'OFFER_TIMEOUT',
    'UNKNOWN',
  ]);
});

test('nobody makes up fields of a record with commas', async () => {
  await start('text', 'commas');
  const offer = { kind: 'offer', callId: 'x, tos=1\ny', fromTag: 'a,b c', sdp: audio(7, 4000) } as const;
  await node.service.handle({ ...offer, flags: DEFAULT_FLAGS, supportsLoadLimit: false }, CLIENT);
  await node.service.end(offer.callId);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\S+Z record ci=x%2C%20tos=1%0Ay, created_from=/);
  expect(lines[0]).toContain('ml0_local_tag=a%2Cb%20c, ');
  expect(lines[0]).toContain('ml1_local_tag=, ml1_local_tag_type=UNKNOWN, ');
  expect(lines[0]).toContain('ml1_midx1_rtp_endpoint_ip=, ml1_midx1_rtp_endpoint_port=0, ');
});

test('calls of the rtpproxy protocol have records, too', async () => {
  const responder = new RtpproxyResponder({
    ...{ handler: node.service.handlePair, cache: new ReplyCache(), bridged: false, notify: [] },
    ...{ logger: { debug() {}, warn() {}, error() {} }, clock: () => now },
  });
  const client = { address: '192.0.2.9', port: 5000, protocol: 'rtpproxy' } as const;
  for (const line of ['1 U call 198.51.100.7 4000 a;1', '2 L call 198.51.100.8 5000 a;1 b;1', '3 D call a b'])
    await responder.answerDatagram(Buffer.from(line), client);
  const [record] = records();
  expect(record).toMatchObject({ callId: 'call', reason: 'deleted', createdFrom: '192.0.2.9:5000' });
  expect(record?.parties.map(({ medias }) => medias.length)).toEqual([1, 1]);
});

test('as long as somebody is left there is no record', async () => {
  await call();
  const { service } = node;
  const again = {
    kind: 'offer',
    callId: 'call',
    fromTag: 'a',
    viaBranch: 'other',
    sdp: audio(7, 4000),
  } as const;
  await service.handle({ ...again, flags: DEFAULT_FLAGS, supportsLoadLimit: false }, CLIENT);
  await remove('b');
  expect(records()).toEqual([]);
});

/** As rtpengine 10.5 writes them for a party with one medium. */
function partyFields(party: string): readonly string[] {
  const flow = ['endpoint_ip', 'endpoint_port', 'local_relay_ip', 'local_relay_port', 'relayed_packets'];
  const counts = ['relayed_bytes', 'relayed_errors', 'last_packet', 'in_tos_tclass'];
  const times = ['start_time', 'end_time', 'duration', 'termination'];
  const tags = ['local_tag', 'local_tag_type', 'remote_tag'];
  return [
    ...[...times, ...tags].map((name) => `${party}_${name}`),
    'payload_type',
    ...[...flow, ...counts].map((name) => `${party}_midx1_rtp_${name}`),
    ...[...flow, ...counts].map((name) => `${party}_midx1_rtcp_${name}`),
  ];
}

function time(ms: number): string {
  return new Date(FACTS.now + ms).toISOString();
}

function streamOf(stream: number): SessionStats['streams'][number] {
  const silent: ComponentStats = {
    ...{ receivedPackets: 0, receivedBytes: 0, sentPackets: 0, sentBytes: 0, malformed: 0, foreign: 0 },
    ...{ tolerated: 0, lastSuspect: null, blocked: 0, unroutable: 0, unassigned: 0, replays: 0, unkeyed: 0 },
    ...{ authenticationFailures: 0, handshakePackets: 0, checks: 0, refusedChecks: 0, refusedHandshakes: 0 },
    ...{ unknownPayloadType: 0, remote: null, remoteState: 'unknown', lastPacketMsAgo: null },
  };
  const sent = { sentPackets: 498, sentBytes: 85_656, remote: '198.51.100.7:4000' };
  const received = { receivedPackets: 500, receivedBytes: 86_000, lastPacketMsAgo: 20 };
  return {
    stream,
    path: { kind: 'userspace', reason: 'noFastPath' },
    rtp: { ...silent, ...sent, ...received, malformed: 1, foreign: 2 },
    rtcp: silent,
    ...{ codecIn: 'PCMU', codecOut: 'PCMU', suiteIn: null, suiteOut: null, ice: null },
    ...{ ingress: [REPORTED, UNREPORTED], egress: [], ssrcsForgotten: 0 },
  };
}

const AVERAGE = {
  ...{ mos: 4.21, jitterMs: 3.46, lossPercent: 0.41, roundTripUs: 41_470, roundTripLegUs: 20_000, msAgo: 0 },
};
const REPORTED: SsrcStats = {
  ...{ ssrc: 17, packets: 500, bytes: 86_000, payloadType: 0, codec: 'PCMU' },
  ...{ lastSequence: 1, lastTimestamp: 1 },
  measured: { lost: 1, duplicates: 0, reordered: 0, jitterMs: 1, mos: 4.4 },
  reported: {
    ...{ reports: 2, lost: 2, lossPercent: 0, jitterMs: 3, samples: 2, progression: null },
    ...{ roundTripLegUs: 1, roundTripUs: 1, average: AVERAGE, lowest: AVERAGE, highest: AVERAGE },
  },
};
const UNREPORTED: SsrcStats = {
  ...{ ssrc: 18, packets: 1, bytes: 172, payloadType: 0, codec: 'PCMU', lastSequence: 1, lastTimestamp: 1 },
  measured: { lost: 0, duplicates: 0, reordered: 0, jitterMs: 0, mos: null },
  reported: null,
};
