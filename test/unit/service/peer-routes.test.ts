import { expect, test } from 'vitest';
import { DEFAULT_FLAGS, type MediaFlags } from '../../../src/command/flags.js';
import { audio, FACTS } from '../negotiation/sample.js';
import { startFakeNode } from './fake-node.js';

const ROUTES: Readonly<Record<string, string>> = { '192.0.2.1': 'INSIDE', '198.51.100.1': 'OUTSIDE' };
const [OUTSIDE, INSIDE] = FACTS.interfaces;

/** The hosts that routes were looked up for, what an offer with these flags came to, and what was warned of. */
async function offered(flags: Partial<MediaFlags>) {
  const [asked, log]: [string[], string[]] = [[], []];
  const bindOf = (name: string | undefined) =>
    (name === 'INSIDE' ? INSIDE : name === 'OUTSIDE' ? OUTSIDE : undefined)?.addresses[0]?.bind;
  const { service, dataPlane } = await startFakeNode({
    log: (line) => void log.push(line),
    parts: {
      routes: {
        async sourceTowards(address) {
          asked.push(address);
          return bindOf(ROUTES[address]) ?? '203.0.113.99';
        },
      },
    },
  });
  const offer = { kind: 'offer', callId: 'call', fromTag: 'a', sdp: audio(7, 4000) } as const;
  const all = { ...offer, flags: { ...DEFAULT_FLAGS, ...flags }, supportsLoadLimit: false };
  const reply = await service.handle(all, { address: '192.0.2.250', port: 5060, protocol: 'ng' });
  const streams = dataPlane.plans.get('call')?.streams ?? [];
  const interfaces = streams.map(({ locals }) => locals[0]?.interface);
  return { reply: reply.kind, interfaces, asked, warned: log.filter((line) => line.includes(' warn ')) };
}

test('peers choose the interfaces that lead to them, each its own side', async () => {
  const { interfaces, asked } = await offered({ inboundPeer: '198.51.100.1', outboundPeer: '192.0.2.1' });
  expect(asked).toEqual(['198.51.100.1', '192.0.2.1']);
  expect(new Set(interfaces)).toEqual(new Set([OUTSIDE?.name, INSIDE?.name]));
});

test('a peer wins over an interface by name, which stands for the other side', async () => {
  const { interfaces } = await offered({
    outboundPeer: '192.0.2.1',
    ...(INSIDE && { fromInterface: INSIDE.name }),
  });
  expect(new Set(interfaces)).toEqual(new Set([INSIDE?.name]));
});

test.each([
  ['sip.example.com', []],
  ['', []],
  ['192.0.2.77', ['192.0.2.77']],
])(
  'a peer nobody leads to is warned of, and looked up only if it is an address: %j',
  async (peer, looked) => {
    const { reply, asked, warned } = await offered({ outboundPeer: peer });
    expect([reply, asked]).toEqual(['sdp', looked]);
    expect(warned).toEqual([expect.stringContaining('outbound-peer: no interface leads there')]);
  },
);
