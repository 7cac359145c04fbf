import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PairOptions } from '../../../../src/command/pair.js';
import { type Dialect, decodeRequest, type Request } from '../../../../src/control/rtpproxy/decode.js';
import { runs } from '../../../support/fuzz.js';

const PLAIN: Dialect = { bridged: false, notifies: false };
const BRIDGE: Dialect = { bridged: true, notifies: true };

const decode = (line: string, dialect = PLAIN): Request => decodeRequest(line, dialect);

function errorOf(line: string, dialect = PLAIN): number | undefined {
  const request = decode(line, dialect);
  return request.kind === 'error' ? request.number : undefined;
}

function commandOf(line: string, dialect = PLAIN) {
  const request = decode(line, dialect);
  if (request.kind !== 'command') throw new Error(`${line}: ${JSON.stringify(request)}`);
  return request.command;
}

function optionsOf(modifiers: string, dialect = BRIDGE): PairOptions | number {
  const address = modifiers === '6' ? '2001:db8::1' : '192.0.2.1';
  const request = decode(`U${modifiers} c ${address} 4000 f`, dialect);
  if (request.kind === 'error') return request.number;
  if (request.kind !== 'command' || request.command.kind !== 'update pair') throw new Error('not an update');
  return request.command.options;
}

const NO_OPTIONS: PairOptions = { weak: false, bridge: [], family: 'IP4', newPort: false };

describe('words', () => {
  test('are separated by any run of blanks, tabs and line ends', () => {
    expect(commandOf('D\t c  f \r\n')).toEqual({
      kind: 'delete pairs',
      callId: 'c',
      fromTag: 'f',
      weak: false,
    });
  });

  test.each([
    '',
    ' \r\n',
    '&& V',
    'Q c f &&',
    `G${' a'.repeat(23)}`,
    `Q c f${' && D'.repeat(16)}`,
    'D c\0 f',
  ])('%j cannot be read', (line) => expect(errorOf(line)).toBe(5));

  test('a Call-ID with a branch behind it is one Call-ID', () => {
    expect(commandOf('D a@b;z9hG4bK1 f t')).toMatchObject({
      callId: 'a@b;z9hG4bK1',
      fromTag: 'f',
      toTag: 't',
    });
  });
});

describe('checks come in this order', () => {
  test.each([
    ['the letter', 'Z', 0],
    ['a letter that is a digit', '1', 0],
    ['the number of words, before modifiers', 'Xa b', 1],
    ['the number of words of U', 'U c 192.0.2.1 4000', 1],
    ['the number of words of L', 'L c 192.0.2.1 4000 f t x y', 1],
    ['the number of words of D', 'D c', 1],
    ['modifiers, before sub-commands', 'Sx c f && D', 2],
    ['sub-commands where there are none', 'D c f && D', 3],
    ['sub-commands, before anything of the command itself', 'U? c x y f && M4:1 S', 3],
    ['modifiers, before the address', 'U? c x y f', 35],
    ['the address', 'U c example.com 4000 f', 37],
    ['the address family', 'U c 2001:db8::1 4000 f', 37],
    ['the address family of 6', 'U6 c 192.0.2.1 4000 f', 37],
    ['the port', 'U c 192.0.2.1 40x0 f', 37],
  ])('%s', (_, line, number) => expect(errorOf(line)).toBe(number));
});

describe('versions', () => {
  test('V is answered with the version', () => expect(decode('V')).toEqual({ kind: 'version' }));
  test('letters are of either case', () =>
    expect(decode('vf 20050322')).toEqual({ kind: 'feature', works: true }));

  test.each([
    ['20040107', true],
    ['20050322', true],
    ['20060704', true],
    ['20080403', true],
    ['20081102', true],
    ['20141004', true],
    ['20150330', true],
    // Repacketising does not exist, nor timeouts by modifier.
    ['20071116', false],
    ['20071218', true],
    ['20170313', false],
    ['20200226', true],
    ['20191015', true],
    ['20230205', true],
    ['1', false],
    ['nonsense', false],
  ])('feature %s: %s', (date, works) => expect(decode(`VF ${date}`)).toEqual({ kind: 'feature', works }));

  test('notification works where a target is permitted', () => {
    expect(decode('VF 20081224', PLAIN)).toEqual({ kind: 'feature', works: false });
    expect(decode('VF 20081224', BRIDGE)).toEqual({ kind: 'feature', works: true });
  });
});

describe('modifiers of U and L', () => {
  test.each<[string, Partial<PairOptions>]>([
    ['', {}],
    ['A', { asymmetric: true }],
    ['s', { asymmetric: false }],
    ['W', { weak: true }],
    ['n', { newPort: true }],
    ['6', { family: 'IP6' }],
    ['IE', { bridge: ['internal', 'external'] }],
    ['EI', { bridge: ['external', 'internal'] }],
    ['Z30', { repacketiseMs: 30 }],
    ['c0,8,101', { payloadTypes: [0, 8, 101] }],
    ['L10.0.0.1', { local: { kind: 'address', address: '10.0.0.1' } }],
    ['L[2001:db8::2]', { local: { kind: 'address', address: '2001:db8::2' } }],
    ['l{wan}', { local: { kind: 'label', label: 'wan' } }],
    ['R10.0.0.9', { local: { kind: 'route', towards: '10.0.0.9' } }],
    [
      'AIESZ30c8,0,101',
      { asymmetric: false, bridge: ['internal', 'external'], repacketiseMs: 30, payloadTypes: [8, 0, 101] },
    ],
    ['c0L10.0.0.1W', { payloadTypes: [0], local: { kind: 'address', address: '10.0.0.1' }, weak: true }],
  ])('%j', (modifiers, options) => {
    const family = modifiers === '6' ? 'IP6' : 'IP4';
    expect(optionsOf(modifiers)).toEqual({ ...NO_OPTIONS, family, ...options });
  });

  test.each([
    ['Ea third side', 'IEE', 11],
    ['a third side', 'IEI', 12],
    ['Z without a number', 'Z', 13],
    ['Z of nothing', 'Z0', 13],
    ['Z beyond a second', 'Z1000', 13],
    ['an empty list', 'c', 14],
    ['a list twice', 'c0c8', 14],
    ['no payload type', 'c128', 14],
    ['L without an address', 'L', 15],
    ['L with a name', 'Lhost', 15],
    ['R without an address', 'R', 16],
    ['timeouts as another branch has them', 't30', 35],
    ['anything else', '?', 35],
  ])('%s is refused', (_, modifiers, number) => expect(optionsOf(modifiers)).toBe(number));

  test('sides mean nothing without a bridge', () => {
    expect(optionsOf('E', PLAIN)).toBe(11);
    expect(optionsOf('I', PLAIN)).toBe(12);
  });

  test('stray bytes that Kamailio sends behind Z are let pass', () => {
    const options = {
      ...NO_OPTIONS,
      bridge: ['internal', 'external'],
      repacketiseMs: 30,
      payloadTypes: [96],
    };
    expect(optionsOf('IEZ30\0\0\0c96')).toEqual(options);
    expect(optionsOf('IEZ30\x01\xff\x7fc96')).toEqual(options);
  });

  test('addresses of hold and disabled streams are addresses', () => {
    expect(commandOf('U c 0.0.0.0 0 f')).toMatchObject({ address: '0.0.0.0', port: 0 });
    expect(commandOf('U6 c :: 4000 f')).toMatchObject({ address: '::' });
  });

  test('ports beyond the last one are not rejected', () => {
    expect(commandOf('U c 192.0.2.1 70000 f')).toMatchObject({ port: 70_000 });
  });
});

describe('notification targets', () => {
  const noticeOf = (rest: string) => commandOf(`U c 192.0.2.1 4000 f;1 ${rest}`, BRIDGE);

  test('with a to-tag and without', () => {
    const notify = { target: 'unix:/run/x', tag: 'a b+c' };
    expect(noticeOf('t;1 unix:/run/x a+b%2Bc')).toMatchObject({ toTag: 't;1', notify });
    expect(noticeOf('/run/x a+b%2Bc')).toMatchObject({ notify });
    expect(noticeOf('/run/x a+b%2Bc')).not.toHaveProperty('toTag');
  });

  test('as Kamailio up to 5.8 sends them: behind the to-tag, and no tag', () => {
    const notify = { target: 'tcp:127.0.0.1:9999', tag: '' };
    expect(noticeOf('T;1 tcp:127.0.0.1:9999')).toMatchObject({ toTag: 'T;1', notify });
  });

  test('with and without a prefix', () => {
    expect(noticeOf('t 127.0.0.1:9999 x')).toMatchObject({ notify: { target: 'tcp:127.0.0.1:9999' } });
    expect(noticeOf('t tcp:127.0.0.1:9999 x')).toMatchObject({ notify: { target: 'tcp:127.0.0.1:9999' } });
  });

  test('are refused if nothing is permitted, or the tag cannot be read', () => {
    expect(errorOf('U c 192.0.2.1 4000 f t unix:/run/x y')).toBe(75);
    expect(errorOf('U c 192.0.2.1 4000 f t unix:/run/x %zz', BRIDGE)).toBe(10);
  });
});

describe('sub-commands', () => {
  const followUpsOf = (line: string) => {
    const command = commandOf(line);
    return 'after' in command ? command.after : undefined;
  };

  test('D, S and L', () => {
    expect(followUpsOf('Q c f t && D')).toEqual([{ kind: 'delete', weak: false }]);
    expect(followUpsOf('L c 192.0.2.1 4000 f t && Dw')).toEqual([{ kind: 'delete', weak: true }]);
    expect(followUpsOf('U c 192.0.2.1 4000 f && S ttl=5 && Sr tos=184')).toEqual([
      { kind: 'settings', timeoutSeconds: 5 },
      { kind: 'settings', tos: 184 },
    ]);
    expect(followUpsOf('U c 192.0.2.1 4000 f t && LA 192.0.2.2 5000')).toEqual([
      {
        kind: 'answer',
        side: 'answer',
        address: '192.0.2.2',
        port: 5000,
        options: { ...NO_OPTIONS, asymmetric: true },
      },
    ]);
  });

  test.each([
    ['M3:1 D%3a7', { tag: 'D:7', payloadType: 101, hidden: false }],
    ['m3:1 tag 96', { tag: 'tag', payloadType: 96, hidden: false }],
    ['M3:1 tag 101 H', { tag: 'tag', payloadType: 101, hidden: true }],
  ])('%s watches for keys', (text, keys) => {
    for (const line of ['U c 192.0.2.1 4000 f', 'L c 192.0.2.1 4000 f t', 'Q c f t']) {
      expect(commandOf(`${line} && ${text}`)).toMatchObject({ after: [{ kind: 'keys', ...keys }] });
    }
  });

  test.each([
    'U c 192.0.2.1 4000 f && L 192.0.2.2 5000',
    'L c 192.0.2.1 4000 f t && L 192.0.2.2 5000',
    'U c 192.0.2.1 4000 f t && L 192.0.2.2 x',
    'U c 192.0.2.1 4000 f && S ttl=0',
    'U c 192.0.2.1 4000 f && S tos=256',
    'U c 192.0.2.1 4000 f && S',
    'U c 192.0.2.1 4000 f && D x',
    'U c 192.0.2.1 4000 f && M3:1',
    'U c 192.0.2.1 4000 f && M3:1 tag 128',
    'U c 192.0.2.1 4000 f && M3:1 tag 101 x',
    'U c 192.0.2.1 4000 f && M3:1 tag 101 h h',
    'U c 192.0.2.1 4000 f && M3:1 bad%tag',
    'U c 192.0.2.1 4000 f && M3:2 tag',
    'U c 192.0.2.1 4000 f && M4:1 S',
    'U c 192.0.2.1 4000 f t && C a b c',
    'Q c f t && V',
  ])('%s is refused as a whole', (line) => expect(errorOf(line)).toBe(3));
});

describe('other commands', () => {
  test.each([
    ['Dx c f', 8],
    ['Rx c f', 7],
    ['Cx c n f', 7],
    ['Nx c f', 6],
    ['Px c n s f', 17],
    ['Ix', 18],
    ['Qx c f', 19],
    ['Gx', 9],
    ['G nothing', 68],
  ])('%s is refused with E%i', (line, number) => expect(errorOf(line)).toBe(number));

  test('P names its tags behind file and codecs', () => {
    expect(commandOf('P-1 c file session f;1 t;1 ')).toEqual({
      kind: 'pair media',
      callId: 'c',
      fromTag: 'f;1',
      toTag: 't;1',
      action: { kind: 'play', times: -1, sessionCodecs: true },
    });
  });

  test('C names its tags behind the target', () => {
    expect(commandOf('C c udp:192.0.2.1:4000 f')).toMatchObject({ fromTag: 'f', action: { kind: 'copy' } });
  });

  test('a query with an unknown name deletes nothing', () => {
    expect(commandOf('Q c f t nonsense && D')).toMatchObject({ after: [] });
    expect(commandOf('Q c f t ttl && D')).toMatchObject({ after: [{ kind: 'delete' }] });
  });
});

describe('whatever arrives', () => {
  const word = fc.constantFrom(
    'U',
    'L',
    'Q',
    'c',
    'f;1',
    't',
    '192.0.2.1',
    '::1',
    '4000',
    '&&',
    'S',
    'ttl=5',
    'D',
    'Z30\0',
    'M3:1',
    'N',
    'P1',
  );
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word, { maxLength: 40 }).map((words) => words.join(' ')),
    fc
      .tuple(fc.string({ unit: 'grapheme-ascii' }), fc.array(word))
      .map(([text, words]) => `U${text} ${words.join(' ')}`),
  );

  test('it is a request or an error by number', () => {
    fc.assert(
      fc.property(line, fc.boolean(), fc.boolean(), (text, bridged, notifies) => {
        const request = decode(text, { bridged, notifies });
        if (request.kind !== 'error') return;
        expect(request.number).toBeGreaterThanOrEqual(0);
        expect(request.number).toBeLessThan(100);
        // OpenSIPS takes these for a proxy that has failed.
        if (/^[UL]/i.test(text.trim()) && !text.includes('%'))
          expect([7, 8, 9, 10]).not.toContain(request.number);
      }),
      runs(2000),
    );
  });
});
