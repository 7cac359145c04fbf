import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeNg } from '../../../../src/control/ng/decode.js';
import { readPayload } from '../../../../src/control/ng/envelope.js';
import { compileTemplates } from '../../../../src/control/ng/evaluate.js';
import { KnownRequests } from '../../../../src/control/ng/known-requests.js';
import { splitRequest } from '../../../../src/control/ng/request-text.js';

const text = (value: string) => `${value.length}:${value}`;
const list = (...values: readonly string[]) => `l${values.map(text).join('')}e`;
const words = (...values: readonly string[]) => fc.constantFrom(...values).map(text);

const values: Readonly<Record<string, fc.Arbitrary<string>>> = {
  command: words('offer', 'answer', 'delete', 'query'),
  'call-id': words('', 'a', 'b@c'),
  'call id': words('other'),
  'from-tag': words('', 'f', 'g'),
  'to-tag': words('', 't', 'u'),
  'via-branch': words('z', 'y'),
  sdp: words('', 'v=0', 'v=1'),
  'received-from': fc.constantFrom(
    list('IP4', '192.0.2.1'),
    list('IP4', '192.0.2.2'),
    list('IP4', 'IP4'),
    list('IP6', '2001:db8::1'),
    text('192.0.2.1'),
  ),
  'received from': fc.constant(list('IP4', '198.51.100.9')),
  flags: fc.constantFrom(list('trust-address'), list('to-tag', 'fatal'), list('no-such-flag'), text('a,b')),
  replace: fc.constant(list('origin', 'session-connection')),
  'delete-delay': fc.constantFrom('i0e', 'i30e', text('5')),
  'rtpp-flags': words('replace-origin from-tag=x', 'via-branch=1', 'received-from=192.0.2.9'),
  supports: fc.constant(list('load limit')),
  nested: fc.constant(`d1:a${list('b')}e`),
};

const dictionary = fc
  .array(fc.constantFrom(...Object.keys(values)), { minLength: 3, maxLength: 10 })
  .chain((keys) =>
    fc.tuple(...keys.map((key) => (values[key] ?? fc.constant('')).map((value) => text(key) + value))),
  )
  .map((members) => `d${members.join('')}e`);

/** Nearly whole, as from a SIP proxy. */
const usual = fc
  .tuple(
    words('offer', 'answer', 'delete'),
    fc.constantFrom(...['callId', 'x'].map(text)),
    words('f', 'g'),
    fc.option(words('t', 'u')),
    values.sdp ?? fc.constant(''),
    values['received-from'] ?? fc.constant(''),
    values.flags ?? fc.constant(''),
  )
  .map(
    ([command, callId, fromTag, toTag, sdp, receivedFrom, flags]) =>
      `d3:sdp${sdp}5:flags${flags}7:call-id${callId}13:received-from${receivedFrom}8:from-tag${fromTag}` +
      `${toTag === null ? '' : `6:to-tag${toTag}`}7:command${command}e`,
  );

const templates = compileTemplates(new Map([['answer', 'replace-origin']]));

test('a known request is read as an unknown one is', () => {
  let reads = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(usual, dictionary), { minLength: 10, maxLength: 60 }), (requests) => {
      const known = new KnownRequests(templates);
      for (const request of [...requests, ...requests]) {
        const payload = Buffer.from(request, 'latin1');
        const command = known.decode(payload);
        if (command === undefined) continue;
        reads += 1;
        const read = readPayload(payload);
        if (!read.ok) throw new Error(read.reason);
        const { likeness: _, written: __, ...rest } = { likeness: 0, written: undefined, ...command };
        expect({ command: rest, warnings: [] }).toEqual(decodeNg(read.dictionary, templates));
      }
    }),
    { numRuns: 600 },
  );
  expect(reads).toBeGreaterThan(500);
});

test('commands of one likeness have the same flags but for the source', () => {
  const known = new KnownRequests(new Map());
  const request = (callId: string, source: string, flag: string) =>
    Buffer.from(
      `d7:command5:offer7:call-id${text(callId)}8:from-tag1:f3:sdp3:v=013:received-from${list('IP4', source)}5:flags${list(flag)}e`,
    );
  known.decode(request('1', '192.0.2.1', 'trust-address'));
  known.decode(request('1', '192.0.2.1', 'asymmetric'));
  const likenessOf = (payload: Buffer) => {
    const command = known.decode(payload);
    return command?.kind === 'offer' ? command.likeness : undefined;
  };
  const first = likenessOf(request('2', '192.0.2.2', 'trust-address'));
  expect(first).toBeDefined();
  expect(likenessOf(request('3', '192.0.2.3', 'trust-address'))).toBe(first);
  expect(likenessOf(request('2', '192.0.2.2', 'asymmetric'))).not.toBe(first);
});

test.each([
  ['a truncated text', 'd7:call-id9:abce'],
  ['a length with leading zeros', 'd7:call-id03:abce'],
  ['bytes behind the dictionary', 'd7:call-id3:abcex'],
  ['a dictionary that is not closed', 'd7:call-id3:abc'],
  ['a text that comes twice', 'd7:call-id3:abc7:call-id3:abce'],
  ['a key that is no text', 'di1ei2ee'],
])('%s is left to the tolerant reader', (_, request) => {
  expect(splitRequest(request)).toBeUndefined();
});
