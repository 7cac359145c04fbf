import { expect, test } from 'vitest';
import type { OfferCommand } from '../../../src/command/command.js';
import { DEFAULT_FLAGS } from '../../../src/command/flags.js';
import { type Given, Outlines } from '../../../src/pattern/outlines.js';
import { messageOf } from '../../../src/pattern/message.js';
import { CLIENT } from '../negotiation/sample.js';

/** Every value that a body has room for follows from the number. */
function browser(number: number, bandwidth = 1): Given {
  const id = 1_000 + number;
  const lines = [
    'v=0',
    `o=user${id} ${id} ${id} IN IP4 10.0.0.${number}`,
    's=-',
    't=0 0',
    `a=tls-id:abcd${id}`,
    `a=msid-semantic: WMS stream${id}`,
    `m=audio ${id} UDP/TLS/RTP/SAVPF 111 0`,
    `c=IN IP4 10.0.0.${number}`,
    `b=AS:${bandwidth}`,
    `a=rtcp:${id + 1} IN IP4 10.0.0.${number}`,
    `a=candidate:${id} 1 udp ${id} 10.0.0.${number} ${id} typ host generation ${id}`,
    `a=ice-ufrag:abcd${id}`,
    `a=ice-pwd:012345678901234567890${id}`,
    `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => `A${number}`).join(':')}`,
    `a=msid:stream${id} track${id}`,
    'a=rtpmap:111 opus/48000/2',
    `a=ssrc:${id} cname:name${id}`,
    `a=ssrc-group:FID ${id} ${id + 5_000}`,
  ];
  const command: OfferCommand = {
    kind: 'offer',
    callId: `call-${number}`,
    fromTag: 'a',
    sdp: lines.map((line) => `${line}\r\n`).join(''),
    flags: DEFAULT_FLAGS,
    likeness: 1,
    supportsLoadLimit: false,
  };
  return { command, client: CLIENT, nowMs: 1_700_000_000_000 + number };
}

function plain(number: number): Given {
  const given = browser(number);
  const lines = [
    'v=0',
    `o=user${number} ${number} ${number} IN IP4 10.0.0.${number}`,
    's=-',
    `c=IN IP4 10.0.0.${number}`,
    't=0 0',
    `m=audio ${5_000 + 2 * number} RTP/AVP 0`,
    `a=rtcp:${6_001 + 2 * number}`,
  ];
  return { ...given, command: { ...given.command, sdp: lines.map((line) => `${line}\r\n`).join('') } };
}

for (const [what, body] of [
  ['a browser', browser],
  ['a phone', plain],
] as const) {
  test(`whatever its values, the second offer of ${what} brings the first one back, and later ones nothing`, () => {
    const outlines = new Outlines();
    const first = body(1);
    expect(keyOf(first)).toBeDefined();
    expect(keyOf(body(2))).toBe(keyOf(first));
    expect(outlines.note(first)).toBe('new');
    expect(outlines.note(body(2))).toBe(first);
    expect(outlines.note(body(3))).toBe(undefined);
  });
}

test('what is no value makes an outline of its own, in digits too', () => {
  const outlines = new Outlines();
  outlines.note(browser(1));
  expect(outlines.note(browser(1, 2))).toBe('new');
});

test('the same body with other flags is new', () => {
  const outlines = new Outlines();
  const given = browser(1);
  outlines.note(given);
  expect(outlines.note({ ...given, command: { ...given.command, likeness: 2 } })).toBe('new');
});

test('offers that came once do not displace those that came often', () => {
  const outlines = new Outlines();
  outlines.note(browser(1));
  outlines.note(browser(2));
  for (let other = 10; other < 1_000; other += 1) outlines.note(browser(1, other));
  expect(outlines.note(browser(3))).toBe(undefined);
});

function keyOf({ command, client, nowMs }: Given): string | undefined {
  return messageOf(command, client, nowMs)?.key;
}
