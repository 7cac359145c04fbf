import { expect, test } from 'vitest';
import { LoopbackCall } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import { describeWithRedis } from '../support/redis.js';
import { cli, crash, knows, RedundantGroup } from '../support/redundant-pair.js';
import { mediaAddress, RtpPeer } from '../support/rtp-peer.js';
import { keyOf, SrtpContext, SrtpKey } from '../support/srtp.js';
import { sdpOf } from '../support/loopback-call.js';
import type { Tandem } from '../support/tandem.js';

describeWithRedis('calls of several nodes', () => {
  test('a node dies: another one goes on with its calls, by signalling and by command', async () => {
    const group = await RedundantGroup.start();
    const [first, second] = await Promise.all([group.node('first'), group.node('second')]);
    const plain = await LoopbackCall.setUp(first.ng, 'plain');
    await plain.talks();
    const secured = await SecuredCall.setUp(first, 'secured');
    secured.caller.continueAt(65_500);
    await secured.talks(60);
    // What is saved is written at once, since sources are new, and the next round comes a second later.
    await first.saved();
    const redis = group.redis.client();
    await until(
      'keys in use to be stored',
      async () => (await redis.hexists('tandem:call:secured', 's')) || undefined,
    );
    await knows(second, 2);
    expect(await cli(second, 'list sessions foreign')).toMatch(
      /^ID: plain .*\| redis:0 \| frgn:y \| rec:n$/m,
    );

    await crash(first);
    const { offered, answered } = plain;
    const onward = plain.at(second.ng);
    await onward.negotiate();
    expect(mediaAddress(onward.offered)).toEqual(mediaAddress(offered));
    expect(mediaAddress(onward.answered)).toEqual(mediaAddress(answered));
    await onward.talks();

    expect(await cli(second, 'active')).toBe('Ok, all foreign calls are own calls now\n');
    await secured.talks(20);
    expect(secured.caller.refused).toBe(0);
    await knows(second, 0);
    expect(await cli(second, 'list numsessions')).toContain('Current sessions own: 2\n');
    expect((await onward.delete()).result).toBe('ok');
    await until(
      'the record to go',
      async () => (await redis.hexists('tandem:call:plain', 'r')) === 0 || undefined,
    );
  });

  test('a node that starts again has its calls back, and those alone that go on', async () => {
    const group = await RedundantGroup.start();
    const node = await group.node('only');
    const redis = group.redis.client();
    const call = await LoopbackCall.setUp(node.ng, 'restored');
    const over = await LoopbackCall.setUp(node.ng, 'over');
    await call.talks();
    await until('both to be stored', async () => (await redis.scard('tandem:calls:only')) === 2 || undefined);
    const written = await redis.hget('tandem:call:over', 'n');
    await over.delete({ 'delete-delay': 4 });
    const deletedAtMs = Date.now() + 4_000;
    await until(
      'its end to be stored',
      async () => (await redis.hget('tandem:call:over', 'n')) !== written || undefined,
    );
    await redis.hset('tandem:call:broken', { o: 'only', e: 1, n: 1, k: 0, r: 'broken' });
    await redis.sadd('tandem:calls:only', 'broken');
    await crash(node);
    await until('its time to be up', () => (Date.now() > deletedAtMs ? true : undefined));
    node.startDataPlane();
    node.startControl();
    await node.ready();
    expect(node.control.stderr).toMatch(
      /calls taken over .*reason=restart taken=1 failed=0 unreadable=1 over=1/,
    );
    await call.talks();
    const { offered } = call;
    await call.negotiate();
    expect(mediaAddress(call.offered)).toEqual(mediaAddress(offered));
    expect((await over.query()).result).toBe('error');
    expect((await call.delete()).result).toBe('ok');
  });

  test('without Redis calls go on, and it is told all when it is back, empty', async () => {
    const group = await RedundantGroup.start();
    const node = await group.node('only');
    const before = await LoopbackCall.setUp(node.ng, 'before');
    const ended = await LoopbackCall.setUp(node.ng, 'ended');
    await group.redis.process.kill('SIGKILL');
    await node.control.printed(/Redis lost/);
    const meanwhile = await LoopbackCall.setUp(node.ng, 'meanwhile');
    await Promise.all([before.talks(), meanwhile.talks()]);
    expect((await ended.delete()).result).toBe('ok');
    await group.redis.start().printed(/Ready to accept connections/);
    const redis = group.redis.client();
    await until('both to be stored', async () => {
      const callIds = await redis.smembers('tandem:calls:only');
      return callIds.toSorted().join() === 'before,meanwhile' || undefined;
    });
  });

  test('a node that has slept while its calls were taken over gives them up', async () => {
    const group = await RedundantGroup.start();
    const [sleeper, heir] = await Promise.all([group.node('sleeper'), group.node('heir')]);
    const call = await LoopbackCall.setUp(sleeper.ng, 'kept');
    await knows(heir, 1);
    sleeper.control.signal('SIGSTOP');
    // Its media ports become free for the other one, as they are on another host.
    await sleeper.dataPlane.kill('SIGKILL');
    expect(await cli(heir, 'active')).toContain('Ok');
    await call.talks();
    sleeper.startDataPlane();
    sleeper.control.signal('SIGCONT');
    await sleeper.control.printed(/call given up: another node has it/);
    await knows(sleeper, 1);
    await call.at(heir.ng).talks();
    expect((await call.delete({ 'delete-delay': 0 })).result).toBe('ok');
    await knows(sleeper, 0);
  });
});

/** A caller with SRTP, keys in its SDP, and a callee with RTP. */
class SecuredCall {
  readonly caller: RtpPeer;
  readonly callee: RtpPeer;

  private constructor(caller: RtpPeer, callee: RtpPeer) {
    this.caller = caller;
    this.callee = callee;
  }

  static async setUp({ ng }: Tandem, callId: string): Promise<SecuredCall> {
    const [caller, callee] = [await RtpPeer.open(), await RtpPeer.open()];
    const key = new SrtpKey();
    const dialogue = { 'call-id': callId, 'from-tag': 'a', flags: [] };
    const profile = { profile: 'RTP/SAVP', lines: [key.line()] };
    const offer = {
      command: 'offer',
      ...dialogue,
      'transport-protocol': 'RTP/AVP',
      sdp: caller.sdp(profile),
    };
    callee.aim(await sdpOf(ng, offer));
    const answer = { command: 'answer', ...dialogue, 'to-tag': 'b', sdp: callee.sdp() };
    const answered = await sdpOf(ng, answer);
    caller.aim(answered);
    caller.protection = { send: new SrtpContext(key.bytes), receive: new SrtpContext(keyOf(answered)) };
    return new SecuredCall(caller, callee);
  }

  /** Both hear some packets more. */
  async talks(packets = 5): Promise<void> {
    const [atCaller, atCallee] = [this.caller.received.length, this.callee.received.length];
    this.caller.send(packets);
    this.callee.send(packets);
    await Promise.all([this.caller.hears(atCaller + packets), this.callee.hears(atCallee + packets)]);
  }
}
