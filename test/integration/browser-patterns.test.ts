import { expect, test } from 'vitest';
import { type BrowserBody, browserBody } from '../support/browser-body.js';
import { sdpOf } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import type { NgDictionary } from '../support/oracle-ng-client.js';
import { sorted, Watched } from '../support/watched.js';

test.each([1, 3])(
  'calls of browsers that repeat are answered by %i packet threads, as negotiation would',
  async (shards) => {
    const [repeating, deciding] = [
      await Watched.start([`dataPlane.shards=${shards}`]),
      await Watched.start(['dataPlane.patterns=false']),
    ];
    for (const [kind, { flags, body }] of KINDS.entries()) {
      for (let number = 0; number < CALLS; number += 1) {
        const call = dialogue(`call-${kind}-${number}`, number, body, flags);
        // Their words differ in what is drawn: each is known by the place where it was first seen in the call.
        const [one, other] = [new Words(repeating), new Words(deciding)];
        for (const request of [call.offer, call.answer, call.answer, call.again]) {
          expect(await one.of(request)).toEqual(await other.of(request));
        }
        expect(one.drawn).toBeGreaterThan(2);
        if (number % 2 === 1) {
          const deleted = await Promise.all(
            [repeating, deciding].map(({ tandem }) => tandem.ng.command(call.delete)),
          );
          expect(deleted.map(({ result }) => result)).toEqual(['ok', 'ok']);
        }
      }
    }
    expect(await repeating.calls()).toEqual(await deciding.calls());
    const { pattern } = await repeating.requests();
    // All offers and answers but the first few of a kind.
    expect(pattern).toBeGreaterThanOrEqual(2 * (CALLS - 8) * KINDS.length);
    expect((await deciding.requests()).pattern).toBe(0);
  },
);

test('each call of a browser has credentials of its own, also by a pattern', async () => {
  const watched = await Watched.start();
  const drawn = new Set<string>();
  for (let number = 0; number < CALLS; number += 1) {
    const { offer, answer } = dialogue(`call-${number}`, number, BODY);
    const bodies = [await sdpOf(watched.tandem.ng, offer), await sdpOf(watched.tandem.ng, answer)];
    for (const body of bodies)
      for (const [line] of body.matchAll(/^a=(?:ice-pwd|tls-id):.*$/gm)) drawn.add(line);
  }
  expect((await watched.requests()).pattern).toBeGreaterThan(CALLS);
  // A password towards either party, and a name of the association.
  expect(drawn.size).toBeGreaterThanOrEqual(3 * CALLS);
});

test('what only looks like a known body of a browser is negotiated', async () => {
  const watched = await Watched.start();
  for (let number = 0; number < CALLS; number += 1) {
    const call = dialogue(`learned-${number}`, number, BODY);
    for (const request of [call.offer, call.answer, call.delete]) await watched.tandem.ng.command(request);
  }
  const answeredByPattern = async (callId: string, change: (body: string) => string): Promise<number> => {
    const { offer } = dialogue(callId, 50, BODY);
    const { pattern } = await watched.requests();
    const reply = await watched.tandem.ng.command({ ...offer, sdp: change(String(offer.sdp)) });
    expect(reply.result).toBe('ok');
    return (await watched.requests()).pattern - pattern;
  };
  expect(await answeredByPattern('as-it-is', (body) => body)).toBe(1);
  const changes: readonly (readonly [string, string | RegExp])[] = [
    ['1 tcp 2113937151', /1 udp 2113937151/],
    ['192.0.2.7 0 typ', /192\.0\.2\.7 \d+ typ/],
    ['2001:db8::8', '192.0.2.7'],
    ['typ prflx', 'typ srflx'],
    ['a=ice-pwd:short', /a=ice-pwd:\S+/],
    ['m=audio 9 ', /m=audio \d+ /],
    ['c=IN IP4 0.0.0.0', /c=IN IP4 \S+/],
    ['a=ssrc:0 ', /a=ssrc:\d+ /],
    ['a=fingerprint:sha-1 ', 'a=fingerprint:sha-256 '],
  ];
  for (const [at, [to, from]] of changes.entries()) {
    expect(await answeredByPattern(`changed-${at}`, (body) => body.replace(from, to)), to).toBe(0);
  }
});

test.each(['main.js', 'tandem-dataplane'] as const)(
  '%s crashes while browsers call: every call that was answered keeps its ports and credentials',
  async (half) => {
    const watched = await Watched.start(['dataPlane.shards=2']);
    const { ng } = watched.tandem;
    const told = new Map<string, { readonly again: NgDictionary; readonly said: string }>();
    let next = 0;
    const work = async (): Promise<void> => {
      for (let number = next++; number < 120; number = next++) {
        const { offer, answer, again } = dialogue(`call-${number}`, number, BODY);
        await sdpOf(ng, offer);
        told.set(`call-${number}`, { again, said: ours(await sdpOf(ng, answer)) });
      }
    };
    const load = Promise.all(Array.from({ length: 4 }, work));
    await until('calls', async () => ((await watched.requests()).pattern > 40 ? true : undefined));
    const pid = watched.tandem.crash(half);
    await watched.tandem.restarted(half, pid);
    await load;
    expect(await watched.calls()).toEqual(sorted({ calls: [...told.keys()] }));
    for (const { again, said } of told.values()) expect(ours(await sdpOf(ng, again))).toEqual(said);
  },
);

/** What the proxy has said of itself. */
function ours(body: string): string {
  return (
    body
      .match(/^(?:m=\w+ \d+|a=(?:ice-ufrag|ice-pwd|tls-id|fingerprint|setup|candidate):.*)/gm)
      ?.join('\n') ?? ''
  );
}

/** What a program says of one call, with what it draws and opens in other words. */
class Words {
  readonly #watched: Watched;
  readonly #places = new Map<string, string>();

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  get drawn(): number {
    return this.#places.size;
  }

  async of(request: NgDictionary): Promise<string> {
    const { ng, address } = this.#watched.tandem;
    const body = await sdpOf(ng, request);
    return body
      .replaceAll(address, 'us')
      .replace(/^(m=\w+ )(\d+)/gm, (_, name: string, port: string) => name + this.#place(port))
      .replace(
        /^(a=(?:ice-ufrag|ice-pwd|tls-id):)(\S+)/gm,
        (_, name: string, text: string) => name + this.#place(text),
      )
      .replace(/^(a=rtcp:)(\d+)/gm, (_, name: string, port: string) => name + this.#place(port))
      .replace(/^(a=candidate:.* us )(\d+)/gm, (_, name: string, port: string) => name + this.#place(port))
      .replace(/^(a=candidate:)\S+(.* us )/gm, '$1foundation$2')
      .replace(/^(a=fingerprint:sha-256 ).*$/gm, '$1ours')
      .replace(/^o=.*$/gm, 'o=');
  }

  #place(text: string): string {
    if (text === '9' || text === '0') return text;
    const known = this.#places.get(text) ?? `<${this.#places.size}>`;
    this.#places.set(text, known);
    return known;
  }
}

type Dialogue = {
  readonly offer: NgDictionary;
  readonly answer: NgDictionary;
  /** The answer of a re-INVITE that changes nothing, after its offer. */
  readonly again: NgDictionary;
  readonly delete: NgDictionary;
};

function dialogue(callId: string, number: number, body: Body, flags: NgDictionary = FLAGS): Dialogue {
  const tags = { 'call-id': callId, 'from-tag': `from-${callId}` };
  const asked = browserBody({ ...body, number: 2 * number, setup: 'actpass' });
  const answered = browserBody({ ...body, number: 2 * number + 1, setup: 'active' });
  return {
    offer: { sdp: asked, ...flags, ...tags, command: 'offer' },
    answer: { sdp: answered, ...flags, ...tags, 'to-tag': `to-${callId}`, command: 'answer' },
    again: { sdp: answered, ...flags, ...tags, 'to-tag': `to-${callId}`, command: 'answer' },
    delete: { ...tags, 'delete-delay': 0, command: 'delete' },
  };
}

type Body = Pick<BrowserBody, 'candidates' | 'isTrickled'>;

const CALLS = 14;

/** As a Kamailio route between browsers says it. */
const FLAGS: NgDictionary = {
  ICE: 'default',
  SDES: ['off'],
  'rtcp-mux': ['offer'],
  replace: ['origin', 'session-connection'],
  flags: ['generate-mid'],
};

const BODY: Body = { candidates: 4 };

const KINDS: readonly { readonly flags: NgDictionary; readonly body: Body }[] = [
  { flags: FLAGS, body: BODY },
  { flags: FLAGS, body: { candidates: 0, isTrickled: true } },
  { flags: { ...FLAGS, bundle: ['accept', 'offer'] }, body: { candidates: 2 } },
  { flags: { ...FLAGS, ICE: 'force' }, body: { candidates: 3 } },
];
