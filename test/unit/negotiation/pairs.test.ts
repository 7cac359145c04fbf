import { describe, expect, test } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { noticesOf } from '../../../src/call/pairs.js';
import type { Client } from '../../../src/command/command.js';
import type { PairUpdateCommand } from '../../../src/command/pair.js';
import { decodeRequest } from '../../../src/control/rtpproxy/decode.js';
import { encodeReply } from '../../../src/control/rtpproxy/encode.js';
import type { StreamPlan } from '../../../src/dataplane/protocol.gen.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import { deletePairs } from '../../../src/negotiation/pair-deletion.js';
import { bridgeOf, type PairRules } from '../../../src/negotiation/pair-places.js';
import { completePair, updatePair } from '../../../src/negotiation/pairs.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { decodeCall, encodeCall } from '../../../src/store/call-codec.js';
import { Conversation, FACTS } from './sample.js';

const CLIENT: Client = { address: '192.0.2.250', port: 5060, protocol: 'rtpproxy' };
const COUNTS = { received: 0, repeated: 0, succeeded: 0, failed: 0, replied: 0 };
const SINGLE: Facts = { ...FACTS, interfaces: FACTS.interfaces.slice(0, 1) };
const IP4_ONLY: Facts = {
  ...FACTS,
  interfaces: [
    { name: 'default', aliases: [], addresses: [{ bind: '10.0.0.5', advertise: '10.0.0.5', family: 'IP4' }] },
  ],
};

/** One node, one call: command lines go in, reply lines come out; the ports are given out in order. */
class PairProxy {
  call: Call | undefined;
  readonly facts: Facts;
  readonly rules: PairRules;
  readonly #binder = new Conversation();

  constructor(facts: Facts = SINGLE, rules: Partial<PairRules> = {}) {
    this.facts = facts;
    this.rules = { bridge: bridgeOf(facts.interfaces), asymmetricBridge: false, ...rules };
  }

  run(line: string): string {
    const request = decodeRequest(line, { bridged: this.rules.bridge !== null, notifies: true });
    if (request.kind === 'error') return `E${request.number}`;
    if (request.kind !== 'command') throw new Error(line);
    const { command, form } = request;
    if (command.kind === 'update pair') return this.#update(command);
    if (command.kind !== 'delete pairs') throw new Error(line);
    const deletion = this.call && deletePairs(this.call, command, this.facts);
    if (deletion === undefined || deletion.kind === 'notFound') return 'E50';
    this.call = deletion.kind === 'call' ? undefined : deletion.call;
    return encodeReply({ kind: 'done' }, form, COUNTS);
  }

  /** The stream whose port was told. */
  streamAt(port: number): StreamPlan {
    const plan = this.call && planOf(this.call);
    const found = plan?.streams.find(({ locals }) => locals[0]?.port === port);
    if (found === undefined) throw new Error(`no stream has port ${port}`);
    return found;
  }

  get routes(): readonly string[] {
    return (this.call === undefined ? [] : planOf(this.call).routes).map(({ from, to }) => `${from}>${to}`);
  }

  #update(command: PairUpdateCommand): string {
    const step = updatePair(this.call, command, CLIENT, this.facts, this.rules);
    if (step.kind !== 'step') return encodeReply(step, { kind: 'plain' }, COUNTS);
    const { call, port } = completePair(step, this.#binder.bind(step.plan), this.facts);
    this.call = decodeCall(encodeCall(call));
    expect(this.call).toEqual(call);
    return encodeReply({ ...port, after: [] }, { kind: 'plain' }, COUNTS);
  }
}

const portOf = (reply: string): number => Number(reply.split(' ')[0]);

describe('finding a pair', () => {
  function answered(): { proxy: PairProxy; toOther: string; toCreator: string } {
    const proxy = new PairProxy(IP4_ONLY);
    const toOther = proxy.run('U c 192.0.2.1 4000 f;1');
    const toCreator = proxy.run('L c 192.0.2.2 5000 f;1 t;1');
    return { proxy, toOther, toCreator };
  }

  test('an offer gets the port for the other party, an answer that for the creator', () => {
    const { toOther, toCreator } = answered();
    expect(portOf(toOther)).not.toBe(portOf(toCreator));
  });

  test('repeated commands get the same ports', () => {
    const { proxy, toOther, toCreator } = answered();
    expect(proxy.run('U c 192.0.2.1 4002 f;1')).toBe(toOther);
    expect(proxy.run('L c 192.0.2.2 5002 f;1 t;1')).toBe(toCreator);
  });

  test('swapped tags swap the ports', () => {
    const { proxy, toOther, toCreator } = answered();
    expect(proxy.run('L c 192.0.2.1 4000 t;1 f;1')).toBe(toOther);
    expect(proxy.run('U c 192.0.2.2 5000 t;1 f;1')).toBe(toCreator);
    expect(proxy.run('U c 192.0.2.2 5000 t;1 f')).toBe(toCreator);
  });

  test('an answer nobody offered for is answered with 0', () => {
    expect(new PairProxy().run('L c 192.0.2.2 5000 f;1 t;1')).toBe('0');
    const { proxy } = answered();
    expect(proxy.run('L c 192.0.2.2 5000 f;3 t;3')).toBe('0');
    expect(proxy.run('L c 192.0.2.2 5000 f t')).toBe('0');
  });

  test('each medium has ports of its own, in whichever order they come', () => {
    const proxy = new PairProxy(IP4_ONLY);
    const replies = ['f;3', 'f;1', 'f'].map((tag) => proxy.run(`U c 192.0.2.1 4000 ${tag}`));
    expect(new Set(replies).size).toBe(3);
    expect(proxy.call?.legs).toHaveLength(2);
    expect(proxy.routes).toHaveLength(6);
  });

  test('a medium the callee adds is made between the same parties', () => {
    const { proxy } = answered();
    proxy.run('U c 192.0.2.2 6000 t;2 f;2');
    expect(proxy.call?.legs.map(({ tag }) => tag)).toEqual(['f', 't']);
    expect(proxy.call?.dialogues).toHaveLength(1);
    expect(proxy.routes).toHaveLength(4);
  });

  test('of forked branches the last answer counts', () => {
    const { proxy, toCreator } = answered();
    expect(proxy.run('L c 192.0.2.3 7000 f;1 t2;1')).toBe(toCreator);
    expect(proxy.call?.legs[1]).toMatchObject({ tag: 't2', aliases: ['t'] });
  });
});

describe('deletion', () => {
  function twoMedia(): PairProxy {
    const proxy = new PairProxy();
    for (const medium of [1, 2]) {
      proxy.run(`U c 192.0.2.1 4000 f;${medium}`);
      proxy.run(`L c 192.0.2.2 4000 f;${medium} t;${medium}`);
    }
    return proxy;
  }

  test('a tag without number deletes all media, with one only that', () => {
    const proxy = twoMedia();
    expect(proxy.run('D c f;1')).toBe('0');
    expect(proxy.run('D c f;1')).toBe('E50');
    expect(proxy.routes).toHaveLength(2);
    expect(proxy.run('D c f t')).toBe('0');
    expect(proxy.call).toBeUndefined();
  });

  test('the other party may delete, too; a stranger may not', () => {
    expect(twoMedia().run('D c t f')).toBe('0');
    expect(twoMedia().run('D c t')).toBe('E50');
    expect(twoMedia().run('D c x y')).toBe('E50');
  });

  test('number 1 is not the beginning of number 10', () => {
    const proxy = new PairProxy();
    proxy.run('U c 192.0.2.1 4000 f;10');
    expect(proxy.run('D c f;1')).toBe('E50');
  });

  test('two weak references are let go one by one', () => {
    const proxy = new PairProxy();
    proxy.run('Uw c 192.0.2.1 4000 f');
    proxy.run('Lw c 192.0.2.2 4000 f t');
    expect(proxy.run('Dw c f t')).toBe('0');
    expect(proxy.call).toBeDefined();
    expect(proxy.run('Dw c t f')).toBe('0');
    expect(proxy.call).toBeUndefined();
  });

  test('a strong reference outlives weak ones, and the other way round', () => {
    const proxy = new PairProxy();
    proxy.run('U c 192.0.2.1 4000 f');
    proxy.run('Lw c 192.0.2.2 4000 f t');
    expect(proxy.run('D c f t')).toBe('0');
    expect(proxy.call).toBeDefined();
    expect(proxy.run('Dw c f t')).toBe('0');
    expect(proxy.call).toBeUndefined();
  });
});

describe('addresses', () => {
  test('what a party says is where its media goes', () => {
    const proxy = new PairProxy(IP4_ONLY);
    const toOther = portOf(proxy.run('U c 192.0.2.1 4000 f'));
    const toCreator = portOf(proxy.run('L c 192.0.2.2 5000 f t'));
    expect(proxy.streamAt(toCreator).remote).toEqual({ rtp: '192.0.2.1:4000', rtcp: '192.0.2.1:4001' });
    expect(proxy.streamAt(toOther).remote).toEqual({ rtp: '192.0.2.2:5000', rtcp: '192.0.2.2:5001' });
  });

  test('another address, and the same again, are reasons to look for the party anew', () => {
    const proxy = new PairProxy(IP4_ONLY);
    proxy.run('U c 192.0.2.1 4000 f');
    const toCreator = portOf(proxy.run('L c 192.0.2.2 5000 f t'));
    const before = proxy.streamAt(toCreator).learning.epoch;
    proxy.run('U c 192.0.2.1 4000 f t');
    expect(proxy.streamAt(toCreator).learning.epoch).toBe(before + 1);
    proxy.run('U c 192.0.2.9 4000 f t');
    expect(proxy.streamAt(toCreator)).toMatchObject({
      remote: { rtp: '192.0.2.9:4000' },
      learning: { epoch: before + 2 },
    });
  });

  test('hold leaves the address as it was, and media flows', () => {
    const proxy = new PairProxy(IP4_ONLY);
    proxy.run('U c 192.0.2.1 4000 f');
    const toCreator = portOf(proxy.run('L c 192.0.2.2 5000 f t'));
    proxy.run('U c 0.0.0.0 4000 f t');
    expect(proxy.streamAt(toCreator)).toMatchObject({ remote: { rtp: '192.0.2.1:4000' }, receive: true });
    expect(proxy.routes).toHaveLength(2);
  });

  test('a disabled stream keeps its port and relays nothing until it is enabled', () => {
    const proxy = new PairProxy(IP4_ONLY);
    const toOther = proxy.run('U c 192.0.2.1 0 f');
    proxy.run('L c 192.0.2.2 5000 f t');
    expect(proxy.routes).toEqual([]);
    expect(proxy.run('U c 192.0.2.1 4000 f t')).toBe(toOther);
    expect(proxy.routes).toHaveLength(2);
  });

  test('a party can be asymmetric', () => {
    const proxy = new PairProxy(IP4_ONLY);
    const toOther = portOf(proxy.run('UA c 192.0.2.1 4000 f'));
    const toCreator = portOf(proxy.run('L c 192.0.2.2 5000 f t'));
    expect(proxy.streamAt(toCreator).learning.asymmetric).toBe(true);
    expect(proxy.streamAt(toOther).learning.asymmetric).toBe(false);
    proxy.run('U c 192.0.2.1 4000 f t');
    expect(proxy.streamAt(toCreator).learning.asymmetric).toBe(false);
  });

  test('a new port replaces the old one of that party only', () => {
    const proxy = new PairProxy(IP4_ONLY);
    const toOther = portOf(proxy.run('U c 192.0.2.1 4000 f'));
    const toCreator = portOf(proxy.run('L c 192.0.2.2 5000 f t'));
    const fresh = portOf(proxy.run('Un c 192.0.2.1 4000 f'));
    expect(fresh).not.toBe(toOther);
    expect(proxy.streamAt(fresh).locals).toHaveLength(1);
    expect(proxy.streamAt(toCreator).locals).toHaveLength(1);
    expect(() => proxy.streamAt(toOther)).toThrow();
  });
});

describe('local addresses', () => {
  test('the advertised one is told, and 6 with IPv6', () => {
    const proxy = new PairProxy();
    expect(proxy.run('U c 192.0.2.1 4000 f')).toMatch(/^\d+ 203\.0\.113\.5$/);
    expect(new PairProxy().run('U6 c 2001:db8::1 4000 f')).toMatch(/^\d+ 2001:db8::5 6$/);
  });

  test('without an address of the family there is none', () => {
    expect(new PairProxy(IP4_ONLY).run('U6 c ::1 6000 f')).toBe('E36');
  });

  test('sides of a bridge: first the one towards who speaks, then the other', () => {
    const addresses = (modifiers: string): string[] => {
      const proxy = new PairProxy(FACTS);
      return [`U${modifiers} c 192.0.2.1 4000 f`, `L${modifiers} c 192.0.2.2 4000 f t`].map(
        (line) => proxy.run(line).split(' ')[1] ?? '',
      );
    };
    expect(addresses('IE')).toEqual(['192.168.7.5', '203.0.113.5']);
    expect(addresses('EI')).toEqual(['203.0.113.5', '192.168.7.5']);
    expect(addresses('')).toEqual(['203.0.113.5', '203.0.113.5']);
  });

  test('an interface with both families is a bridge between them', () => {
    const proxy = new PairProxy();
    expect(proxy.run('UIE c 192.0.2.1 4000 f')).toMatch(/2001:db8::5 6$/);
    expect(proxy.run('L6IE c 2001:db8::9 4000 f t')).toMatch(/203\.0\.113\.5$/);
  });

  test('where bridges are asymmetric, S calls that off', () => {
    const asymmetric = (modifiers: string): boolean | undefined => {
      const proxy = new PairProxy(FACTS, { asymmetricBridge: true });
      proxy.run(`U${modifiers} c 192.0.2.1 4000 f`);
      const toCreator = portOf(proxy.run(`L${modifiers} c 192.0.2.2 4000 f t`));
      return proxy.streamAt(toCreator).learning.asymmetric;
    };
    expect(asymmetric('IE')).toBe(true);
    expect(asymmetric('IES')).toBe(false);
  });

  test('a command may name the address or the interface', () => {
    expect(new PairProxy(FACTS).run('UL192.168.7.5 c 192.0.2.1 4000 f')).toMatch(/ 192\.168\.7\.5$/);
    expect(new PairProxy(FACTS).run('UL{inside} c 192.0.2.1 4000 f')).toMatch(/ 192\.168\.7\.5$/);
    expect(new PairProxy(FACTS).run('UL{outside} c 192.0.2.1 4000 f')).toBe('E31');
    expect(new PairProxy(FACTS).run('UL10.9.9.9 c 192.0.2.1 4000 f')).toBe('E31');
    const proxy = new PairProxy(FACTS);
    proxy.run('U c 192.0.2.1 4000 f');
    expect(proxy.run('LL192.168.7.5 c 192.0.2.2 4000 f t')).toMatch(/ 192\.168\.7\.5$/);
  });

  test('a party that offers from another family gets a port of it; one that answers cannot', () => {
    const proxy = new PairProxy();
    proxy.run('U c 192.0.2.1 4000 f');
    proxy.run('L c 192.0.2.2 5000 f t');
    expect(proxy.run('L6 c 2001:db8::2 5000 f t')).toBe('E37');
    expect(proxy.run('U6 c 2001:db8::1 4000 f t')).toMatch(/203\.0\.113\.5$/);
    expect(proxy.run('L c 192.0.2.2 5000 f t')).toMatch(/2001:db8::5 6$/);
  });
});

describe('timeouts and notices', () => {
  test('an unanswered call waits as long as an offer, an answered one as long as media', () => {
    const proxy = new PairProxy();
    proxy.run('U c 192.0.2.1 4000 f');
    expect(proxy.call?.timeouts).toMatchObject({ mediaMs: 3_600_000, offerMs: 3_600_000 });
    proxy.run('L c 192.0.2.2 4000 f t');
    expect(proxy.call?.timeouts).toMatchObject({ mediaMs: 60_000, silentMs: 3_600_000 });
  });

  test('a notice is kept until an offer comes without', () => {
    const proxy = new PairProxy();
    proxy.run('U c 192.0.2.1 4000 f unix:/run/x T1');
    proxy.run('L c 192.0.2.2 4000 f t');
    expect(proxy.call && noticesOf(proxy.call)).toEqual([{ target: 'unix:/run/x', tag: 'T1' }]);
    proxy.run('U c 192.0.2.1 4000 f t');
    expect(proxy.call && noticesOf(proxy.call)).toEqual([]);
  });
});

describe('calls of other protocols', () => {
  test('are left alone', () => {
    const ng = new Conversation(SINGLE);
    ng.offer(
      'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n',
    );
    const proxy = new PairProxy();
    proxy.call = ng.call;
    expect(proxy.run('U c 192.0.2.1 4000 f')).toBe('E72');
    expect(proxy.run('D c alice')).toBe('E50');
  });
});
