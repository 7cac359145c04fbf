import { expect, test } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import type { NotifyConfig } from '../../../src/config/schema.js';
import { parseValue } from '../../../src/config/value.js';

function notify(text: string): { config: NotifyConfig; mistakes: readonly string[] } {
  const value = parseValue(`notify: ${text}`, 'x.yaml').value;
  const { config, mistakes } = decodeConfig(value, { isLocal: () => true });
  return { config: config.notify, mistakes: mistakes.map(({ path, text }) => `${path}: ${text}`) };
}

test('nobody is told unless a URL is set', () => {
  expect(notify('{xmlrpc: {format: sems}}')).toEqual({
    config: {
      xmlrpc: null,
      jsonrpc: null,
      webhook: null,
      ngTcp: false,
      dtmf: { udp: null, ngTcp: false, events: false, log: false },
    },
    mistakes: [],
  });
});

test('a proxy can be named by its place in the URL', () => {
  expect(notify('{xmlrpc: {url: "http://%%:5060/RPC2"}}').config.xmlrpc).toEqual({
    url: 'http://%%:5060/RPC2',
    format: 'dialog',
  });
});

test('a web hook hears of everything unless it says otherwise', () => {
  expect(notify('{webhook: {url: "https://x/", secret: s}}').config.webhook?.events).toContain(
    'noFirstPacket',
  );
  expect(notify('{webhook: {url: "https://x/", secret: s, events: lost}}').config.webhook?.events).toEqual([
    'lost',
  ]);
});

test.each([
  ['{xmlrpc: {url: "%%:5060"}}', 'notify.xmlrpc.url: %%:5060 is not a URL such as http://%%:5060/RPC2'],
  ['{webhook: {url: "http://x/"}}', 'notify.webhook.secret: is needed, to sign what is sent'],
  ['{webhook: {url: "http://%%/", secret: s}}', 'notify.webhook.url: %% is for SIP proxies only'],
  [
    '{webhook: {url: "http://x/", secret: s, events: [dead]}}',
    /^notify.webhook.events\[0\]: dead is not one of/,
  ],
  ['{dtmf: {udp: here}}', 'notify.dtmf.udp: here is not an address with a port, such as 192.0.2.1:3333'],
  ['{xmlrpc: {url: "http://x/", format: 2}}', 'notify.xmlrpc.format: 2 is not one of sems, callId, dialog'],
])('%s is a mistake', (text, mistake) => {
  expect(notify(text).mistakes).toEqual([
    typeof mistake === 'string' ? mistake : expect.stringMatching(mistake),
  ]);
});
