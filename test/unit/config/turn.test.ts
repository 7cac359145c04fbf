import { expect, test } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import { dataPlaneConfiguration, interfaceFacts } from '../../../src/config/derive.js';
import type { Config } from '../../../src/config/schema.js';
import { parseValue } from '../../../src/config/value.js';

const INTERFACES = 'interfaces: [{name: outside, aliases: [pub], addresses: [192.0.2.1]}, inside/10.0.0.5]';
const RIGHT = 'server: "192.0.2.9:3478", username: tandem, password: secret';

function decoded(turn: string): { config: Config; mistakes: readonly string[] } {
  const { value } = parseValue(`${INTERFACES}\nturn: ${turn}\n`, 'x.yaml');
  const { config, mistakes } = decodeConfig(value, { isLocal: () => true });
  return { config, mistakes: mistakes.map(({ where, path, text }) => `${where}: ${path}: ${text}`) };
}

test('without a server there are no relayed candidates', () => {
  const { config, mistakes } = decoded('{}');
  expect([config.turn, mistakes]).toEqual([null, []]);
  expect(interfaceFacts(config).some(({ relayFamily }) => relayFamily)).toBe(false);
});

test('a server serves all interfaces unless some are named', () => {
  const { config, mistakes } = decoded(`{${RIGHT}}`);
  expect(mistakes).toEqual([]);
  expect(dataPlaneConfiguration(config).relayServer).toEqual({
    address: '192.0.2.9:3478',
    username: 'tandem',
    password: 'secret',
  });
  expect(interfaceFacts(config).map(({ relayFamily }) => relayFamily)).toEqual(['IP4', 'IP4']);
  const { config: some } = decoded(`{${RIGHT}, interfaces: pub}`);
  expect(interfaceFacts(some).map(({ relayFamily }) => relayFamily)).toEqual(['IP4', undefined]);
});

test('addresses of the other family are not relayed by a server', () => {
  const { config } = decoded(`{${RIGHT.replace('192.0.2.9', '[2001:db8:0::9]')}}`);
  expect(config.turn?.server.address).toBe('2001:db8::9');
  expect(interfaceFacts(config)[0]?.relayFamily).toBe('IP6');
});

test.each([
  [
    '{server: turn.example.org, username: a, password: b}',
    /x.yaml:2.*turn.server: turn.example.org is not an address/,
  ],
  ['{server: "192.0.2.9:3478", password: b}', /turn.username: is needed/],
  ['{server: "192.0.2.9:3478", username: a}', /turn.password: is needed/],
  ['{username: a, password: b}', /turn.server: is needed/],
  [`{${RIGHT}, transport: tcp}`, /turn.transport: tcp is not one of udp/],
  [`{${RIGHT}, interfaces: [other]}`, /turn.interfaces\[0\]: there is no interface named other/],
  [
    `{${RIGHT}, urls: x}`,
    /turn.urls: unknown key, did you mean turn.server\?|turn.urls: unknown key, did you mean server\?/,
  ],
  [
    `{server: "192.0.2.9:3478", username: ${'x'.repeat(129)}, password: b}`,
    /turn.username: exceeds 128 bytes/,
  ],
])('%s is a mistake', (text, mistake) => {
  expect(decoded(text).mistakes).toEqual([expect.stringMatching(mistake)]);
});

test('a password is in no mistake', () => {
  const { mistakes } = decoded('{server: nowhere, username: a, password: hush, transport: tls}');
  expect(mistakes.join()).not.toContain('hush');
});
