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
    await secured.talks();
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
    secured.caller.send(30);
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
