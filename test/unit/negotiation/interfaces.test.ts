import { describe, expect, it } from 'vitest';
import type { Facts, InterfaceFacts } from '../../../src/negotiation/facts.js';
import { defaultFamily, interfaceNamed } from '../../../src/negotiation/transport.js';
import { factsOf } from '../../support/case/proxy-facts.js';

function named(name: string, aliases: readonly string[] = []): InterfaceFacts {
  return { name, aliases, addresses: [{ bind: '192.0.2.1', advertise: '192.0.2.1', family: 'IP4' }] };
}

function facts(turn: number, ...interfaces: readonly InterfaceFacts[]): Facts {
  return { ...factsOf(''), turn, interfaces };
}

describe('interfaces named BASE:SUFFIX', () => {
  const family = [named('pub:a'), named('pub:b'), named('priv')];

  it('take turns when the base is asked for', () => {
    const chosen = [0, 1, 2].map((turn) => interfaceNamed('pub', facts(turn, ...family)).interface.name);
    expect(chosen).toEqual(['pub:a', 'pub:b', 'pub:a']);
  });

  it('are chosen directly by their whole name', () => {
    expect(interfaceNamed('pub:b', facts(0, ...family)).interface.name).toBe('pub:b');
  });

  it('take turns for calls that ask for none if the first interface is one of them', () => {
    expect(defaultFamily(facts(0, ...family))).toBe('pub');
    expect(defaultFamily(facts(0, named('priv'), ...family))).toBeUndefined();
  });
});

it('an unknown interface is warned of and the default serves', () => {
  const chosen = interfaceNamed('nowhere', facts(0, named('priv')));
  expect(chosen).toMatchObject({
    interface: { name: 'priv' },
    warning: 'unknown interface nowhere, using priv',
  });
});
