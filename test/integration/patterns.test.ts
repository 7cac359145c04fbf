import { createSocket } from 'node:dgram';
import { expect, onTestFinished, test } from 'vitest';
import { at, sdpOf } from '../support/loopback-call.js';
import { ngExchange } from '../support/loopback-ng.js';
import { until } from '../support/netns-until.js';
import { bencode, createNgClient, type NgDictionary } from '../support/oracle-ng-client.js';
import { mediaAddress } from '../support/rtp-peer.js';
import { sorted, Watched } from '../support/watched.js';

test.each([1, 3])(
  'what repeats is answered by %i packet threads, with the words of the control plane',
  async (shards) => {
    const [repeating, deciding] = [
      await Watched.start([`dataPlane.shards=${shards}`]),
      await Watched.start(['dataPlane.patterns=false']),
    ];
    for (const [kind, flags] of KINDS.entries()) {
      for (let number = 0; number < 13; number += 1) {
        const call = dialogue(`call-${kind}-${number}`, number, flags);
        for (const request of [call.offer, call.answer, call.answer, call.query]) {
          const [one, other] = await Promise.all([repeating.says(request), deciding.says(request)]);
          expect(one).toEqual(other);
        }
        if (number % 2 === 0) {
          const [one, other] = await Promise.all([repeating.says(call.delete), deciding.says(call.delete)]);
          expect(one).toEqual(other);
        }
      }
    }
    const list = { command: 'list', limit: 1_000 };
    expect(sorted(await repeating.says(list))).toEqual(sorted(await deciding.says(list)));
    const statistics = await repeating.tandem.ng.command({ command: 'statistics' });
    expect(at(statistics, 'statistics', 'totalstatistics', 'managedsessions')).toBe(7 * KINDS.length);
    expect(at(statistics, 'statistics', 'currentstatistics', 'sessionstotal')).toBe(6 * KINDS.length);
    const { pattern, control } = await repeating.requests();
    // Of nine calls of a kind, all but the first few offers, answers and deletions.
    expect(pattern).toBeGreaterThan(12 * KINDS.length);
    expect(control).toBeGreaterThan(0);
    expect(await deciding.requests()).toEqual({ pattern: 0, again: 0, control: 0 });
  },
);

test('a repeated datagram is answered again and carried out once', async () => {
  const tandem = await Watched.start();
  await learn(tandem);
  const { offer } = dialogue('again', 77);
  const exchange = ngExchange(tandem.tandem.address, tandem.tandem.port, PATIENT);
  const datagram = Buffer.from(`cookie ${bencode(offer)}`, 'latin1');
  const before = await tandem.requests();
  const first = await exchange(datagram);
  expect((await tandem.requests()).pattern).toBe(before.pattern + 1);
  expect(await exchange(datagram)).toEqual(first);
  // The same from another port is the same; another request with this cookie is not.
  const elsewhere = ngExchange(tandem.tandem.address, tandem.tandem.port, PATIENT);
  expect(await elsewhere(datagram)).toEqual(first);
  const other = Buffer.from(`cookie ${bencode(dialogue('other', 78).offer)}`, 'latin1');
  expect(await ngExchange(tandem.tandem.address, tandem.tandem.port, PATIENT)(other)).not.toEqual(first);
  expect(await tandem.requests()).toMatchObject({ pattern: before.pattern + 2, again: before.again + 2 });
  expect(await tandem.calls()).toEqual(['again', 'other']);
});

test('what was passed on is passed on again, though it could be answered by now', async () => {
  const tandem = await Watched.start();
  const exchange = ngExchange(tandem.tandem.address, tandem.tandem.port);
  const datagram = Buffer.from(`early ${bencode(dialogue('early', 50).offer)}`, 'latin1');
  const first = await exchange(datagram);
  await tandem.tandem.ng.command(dialogue('early', 50).delete);
  await learn(tandem);
  expect(await exchange(datagram)).toEqual(first);
  expect(await tandem.calls()).toEqual([]);
});

test('a call that the control plane has changed is its own from then on', async () => {
  const tandem = await Watched.start();
  await learn(tandem);
  const { offer, answer } = dialogue('touched', 60);
  await tandem.tandem.ng.command(offer);
  const block = { command: 'block media', 'call-id': 'touched', 'from-tag': offer['from-tag'] };
  expect(await tandem.tandem.ng.command(block)).toMatchObject({ result: 'ok' });
  const before = await tandem.requests();
  expect(await tandem.tandem.ng.command(answer)).toMatchObject({ result: 'ok' });
  expect((await tandem.requests()).pattern).toBe(before.pattern);
  expect(await tandem.tandem.ng.command({ ...block, command: 'unblock media' })).toMatchObject({
    result: 'ok',
  });
});

test('a deletion by a pattern tells what a query has told just before, to the microsecond', async () => {
  const tandem = await Watched.start();
  await learn(tandem);
  const call = dialogue('a-call-with-a-longer-name', 61);
  const ng = createNgClient(ngExchange(tandem.tandem.address, tandem.tandem.port, PATIENT));
  for (const request of [call.offer, call.answer]) await ng.command(request);
  const before = await tandem.requests();
  const told = await ng.command(call.query);
  expect(await ng.command(call.delete)).toEqual(told);
  // The query was decided, the deletion was not.
  expect(await tandem.requests()).toEqual({
    ...before,
    pattern: before.pattern + 1,
    control: before.control + 1,
  });
  expect(await tandem.calls()).toEqual([]);
  expect(await tandem.ports()).toBe(0);
  expect(await tandem.tandem.ng.command(call.delete)).toMatchObject({
    result: 'ok',
    warning: expect.anything(),
  });
  // Its name may be used again.
  expect(await tandem.tandem.ng.command(call.offer)).toMatchObject({ result: 'ok' });
  expect(await tandem.calls()).toEqual(['a-call-with-a-longer-name']);
});

test('a call that was never answered ends by a pattern, too', async () => {
  const tandem = await Watched.start();
  await learn(tandem);
  for (const number of [1, 2]) {
    const given = dialogue(`given-up-${number}`, number);
    for (const request of [given.offer, given.delete]) await tandem.tandem.ng.command(request);
  }
  const { offer, delete: deletion } = dialogue('given-up', 3);
  await tandem.tandem.ng.command(offer);
  const { pattern } = await tandem.requests();
  // Of the whole call, as a deletion.
  const told = await tandem.tandem.ng.command({ command: 'query', 'call-id': 'given-up' });
  expect(await tandem.tandem.ng.command(deletion)).toEqual(told);
  expect((await tandem.requests()).pattern).toBe(pattern + 1);
});

test('the end of a call with media is the control plane’s, which tells of the media', async () => {
  const tandem = await Watched.start();
  await learn(tandem);
  const { offer, answer, query, delete: deletion } = dialogue('heard', 62);
  await tandem.tandem.ng.command(offer);
  const { address, port } = mediaAddress(await sdpOf(tandem.tandem.ng, answer));
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  socket.send(
    Buffer.concat([Buffer.from('8008000100000001000000aa', 'hex'), Buffer.alloc(160)]),
    port,
    address,
  );
  const packets = (reply: NgDictionary) => at(reply, 'totals', 'RTP', 'packets');
  await until('a packet', async () =>
    packets(await tandem.tandem.ng.command(query)) === 1 ? true : undefined,
  );
  const { pattern } = await tandem.requests();
  expect(packets(await tandem.tandem.ng.command(deletion))).toBe(1);
  expect((await tandem.requests()).pattern).toBe(pattern);
  expect(await tandem.calls()).toEqual([]);
});

test.each(['main.js', 'tandem-dataplane'] as const)(
  '%s crashes while calls are deleted: those that were deleted are gone, and no others',
  async (half) => {
    const tandem = await Watched.start(['dataPlane.shards=2']);
    await learn(tandem);
    await setUpMany(tandem, 240);
    const ports = await tandem.ports();
    expect(ports).toBeGreaterThanOrEqual(240);
    const { pattern } = await tandem.requests();
    const deletions = deleteMany(tandem, 200);
    await until('deletions', async () =>
      (await tandem.requests()).pattern > pattern + 40 ? true : undefined,
    );
    const pid = tandem.tandem.crash(half);
    await tandem.tandem.restarted(half, pid);
    await deletions;
    const left = Array.from({ length: 40 }, (_, number) => `load-${200 + number}`);
    expect(await tandem.calls()).toEqual(left.sort());
    await until('ports', async () => ((await tandem.ports()) === ports / 6 ? true : undefined));
    await deleteMany(tandem, 240, 200);
    expect(await tandem.calls()).toEqual([]);
  },
);

test('the control plane crashes while calls are set up: every call that was answered is known afterwards', async () => {
  const tandem = await Watched.start();
  await learn(tandem);
  const load = setUpMany(tandem, 300);
  await until('calls', async () => ((await tandem.requests()).pattern > 100 ? true : undefined));
  const pid = tandem.tandem.crash('main.js');
  await tandem.tandem.restarted('main.js', pid);
  await expectAllAlive(tandem, await load);
});

test('the data plane crashes while calls are set up: every call that was answered is brought back', async () => {
  const tandem = await Watched.start(['dataPlane.shards=2']);
  await learn(tandem);
  const load = setUpMany(tandem, 300);
  await until('calls', async () => ((await tandem.requests()).pattern > 100 ? true : undefined));
  const pid = tandem.tandem.crash('tandem-dataplane');
  await tandem.tandem.restarted('tandem-dataplane', pid);
  await expectAllAlive(tandem, await load);
});

test('a node that drains, or is full, answers no new call by a pattern', async () => {
  const tandem = await Watched.start(['maxSessions=260']);
  await learn(tandem);
  const answers = async (callId: string, number: number): Promise<number> => {
    const { pattern } = await tandem.requests();
    await tandem.tandem.ng.command(dialogue(callId, number).offer);
    return (await tandem.requests()).pattern - pattern;
  };
  // Of 260 the last 256 are counted one by one.
  expect([await answers('1', 1), await answers('2', 2), await answers('3', 3)]).toEqual([1, 1, 1]);
  expect([await answers('4', 4), await answers('5', 5), await answers('6', 6)]).toEqual([1, 0, 0]);
  for (const number of [1, 2, 3, 4, 5, 6])
    await tandem.tandem.ng.command(dialogue(`${number}`, number).delete);
  expect(await answers('7', 7)).toBe(1);
  await fetch(`http://${tandem.http}/drain`, { method: 'POST' });
  await until('patterns taken back', async () => ((await tandem.patterns()) === 0 ? true : undefined));
  const refused = await tandem.tandem.ng.command(dialogue('8', 8).offer);
  expect(refused).toMatchObject({ result: 'error', 'error-reason': 'Parallel session limit reached' });
  // The call that is there goes on.
  expect((await tandem.tandem.ng.command(dialogue('7', 7).answer)).result).toBe('ok');
  expect((await tandem.requests()).pattern).toBeGreaterThan(0);
});

test('datagrams that only look like a known request are answered or dropped as ever', async () => {
  const tandem = await Watched.start();
  await learn(tandem);
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  const known = `c ${bencode(dialogue('known', 5).offer)}`;
  const send = (text: string) =>
    socket.send(Buffer.from(text, 'latin1'), tandem.tandem.port, tandem.tandem.address);
  for (let length = 0; length < known.length; length += 7) send(`x${length}${known.slice(0, length)}`);
  for (let place = 2; place < known.length; place += 5) {
    send(`y${place}${known.slice(0, place)}\xff${known.slice(place + 1)}`);
  }
  send('\0'.repeat(9_000));
  send(`z ${'l'.repeat(20_000)}`);
  expect(await tandem.tandem.ng.command({ command: 'ping' })).toEqual({ result: 'pong' });
  const before = await tandem.requests();
  await sdpOf(tandem.tandem.ng, dialogue('usual', 6).offer);
  expect((await tandem.requests()).pattern).toBe(before.pattern + 1);
});

/** Says nothing twice, where requests are counted. */
const PATIENT = { everyMs: 30_000, times: 1 };

const KINDS: readonly NgDictionary[] = [
  { flags: ['trust-address'], replace: ['origin', 'session-connection'] },
  { flags: ['trust-address', 'symmetric'], ICE: 'remove', 'transport-protocol': 'RTP/AVP' },
  { flags: [], 'received-from': ['IP4', '192.0.2.77'], 'rtcp-mux': ['demux'] },
  { flags: ['trust-address'], 'via-branch': 'z9hG4bK-1', label: 'line' },
];

type Dialogue = {
  readonly offer: NgDictionary;
  readonly answer: NgDictionary;
  readonly query: NgDictionary;
  readonly delete: NgDictionary;
};

function dialogue(callId: string, number: number, flags: NgDictionary = KINDS[0] ?? {}): Dialogue {
  const body = (host: number, port: number, codecs: string): string =>
    `v=0\r\no=user${number} ${number + 1_000} 1 IN IP4 192.0.2.${host}\r\ns=-\r\nc=IN IP4 192.0.2.${host}\r\n` +
    `t=0 0\r\nm=audio ${port} RTP/AVP ${codecs}\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n`;
  const tags = { 'call-id': callId, 'from-tag': `from-${callId}` };
  const sdp = body(1 + (number % 100), 4_000 + 2 * number, '0 8 101');
  const answered = body(101 + (number % 100), 14_000 + 2 * number, '8 101');
  return {
    offer: { sdp, ...flags, ...tags, command: 'offer' },
    answer: { sdp: answered, ...flags, ...tags, 'to-tag': `to-${callId}`, command: 'answer' },
    query: { ...tags, command: 'query' },
    delete: { ...tags, 'delete-delay': 0, command: 'delete' },
  };
}

/** Makes it know the first kind of calls, and ends them. */
async function learn({ tandem }: Watched): Promise<void> {
  for (let number = 900; number < 907; number += 1) {
    const call = dialogue(`learned-${number}`, number);
    for (const request of [call.offer, call.answer, call.delete]) await tandem.ng.command(request);
  }
}

/** Sets calls up, eight at a time; resolves with the ports each of them was told. */
async function setUpMany(
  { tandem }: Watched,
  count: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const ports = new Map<string, readonly number[]>();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const number = next;
      next += 1;
      const { offer, answer } = dialogue(`load-${number}`, number);
      const [offered, answered] = [await sdpOf(tandem.ng, offer), await sdpOf(tandem.ng, answer)];
      ports.set(`load-${number}`, [mediaAddress(offered).port, mediaAddress(answered).port]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return ports;
}

/** Deletes them, eight at a time. */
async function deleteMany({ tandem }: Watched, end: number, start = 0): Promise<void> {
  let next = start;
  const work = async (): Promise<void> => {
    while (next < end) {
      const number = next;
      next += 1;
      const reply = await tandem.ng.command(dialogue(`load-${number}`, number).delete);
      expect(reply.result).toBe('ok');
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

async function expectAllAlive(tandem: Watched, ports: ReadonlyMap<string, readonly number[]>): Promise<void> {
  expect(await tandem.calls()).toEqual([...ports.keys()].sort());
  for (const [callId, [offered, answered]] of ports) {
    const number = Number(callId.slice('load-'.length));
    const known = await tandem.tandem.ng.command(dialogue(callId, number).query);
    expect(known.result).toBe('ok');
    const text = JSON.stringify(known);
    expect(text).toContain(`"local port":${offered}`);
    expect(text).toContain(`"local port":${answered}`);
    expect((await tandem.tandem.ng.command(dialogue(callId, number).delete)).result).toBe('ok');
  }
  expect(await tandem.calls()).toEqual([]);
}
