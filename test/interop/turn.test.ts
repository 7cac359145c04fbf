import { expect, test } from 'vitest';
import { at, sdpOf } from '../support/loopback-call.js';
import { describePeers } from '../support/netns-peers.js';
import { killHalf } from '../support/netns-proxy.js';
import { until } from '../support/netns-until.js';
import { stateSaved } from '../support/tandem.js';
import { PASSWORD, TurnSite } from '../support/turn-site.js';
import { describeWithWebRtcPeer, type WebRtcPeer } from '../support/webrtc-peer.js';

const TO_BROWSER = { ICE: 'force', 'rtcp-mux': ['require'], flags: ['SDES-off'] };

type Pair = { readonly near: WebRtcPeer; readonly far: WebRtcPeer };
type Call = Pair & { readonly nearOffer: string; readonly offered: string };

async function call(site: TurnSite): Promise<Call> {
  const [near, far] = [site.peer('alice'), site.peer('bob')];
  const dialogue = { 'call-id': 'call', 'from-tag': 'near', ...TO_BROWSER };
  const nearOffer = await near.offer();
  const offered = await sdpOf(site.ng, { command: 'offer', ...dialogue, sdp: nearOffer });
  const answered = await far.answerTo(offered);
  near.accept(await sdpOf(site.ng, { command: 'answer', ...dialogue, 'to-tag': 'far', sdp: answered }));
  return { near, far, nearOffer, offered };
}

async function assertTalk({ near, far }: Pair): Promise<void> {
  const before = [near.heard, far.heard];
  const isHeard = () => near.heard >= (before[0] ?? 0) + 50 && far.heard >= (before[1] ?? 0) + 50;
  await until('sound on both sides', () => isHeard() || undefined);
}

async function iceOf(site: TurnSite, tag: string): Promise<Readonly<Record<string, unknown>>> {
  const reply = await site.ng.command({ command: 'query', 'call-id': 'call' });
  const medias = at(reply, 'tags', tag, 'medias');
  const ice = Array.isArray(medias) ? at(medias[0], 'ICE') : undefined;
  return Object.fromEntries(Object.entries(ice ?? {}).map(([key, value]) => [key, value]));
}

function describeTurn(title: string, tests: () => void): void {
  describePeers(['turnserver', 'iptables'], title, () => describeWithWebRtcPeer('with aiortc', tests));
}

describeTurn('a party that only a TURN server reaches', () => {
  test('is called by way of a relayed candidate, which is given back at the end', async () => {
    const site = await TurnSite.start();
    const talk = await call(site);
    expect(talk.offered).toMatch(
      /^a=candidate:\S+ 1 UDP \d+ 10\.77\.2\.1 \d+ typ relay raddr 10\.77\.1\.10 rport \d+\r$/m,
    );
    await assertTalk(talk);
    expect(await iceOf(site, 'far')).toMatchObject({ state: 'completed', 'RTP by relay': 1 });
    await site.ng.command({ command: 'delete', 'call-id': 'call' });
    await until('the allocations to end', () => (deletions(site) >= 2 ? true : undefined));
    expect(await site.metrics()).toContain('\ntandem_relayed_candidates_total{outcome="granted"} 2\n');
    expect(site.proxy.log()).not.toContain(PASSWORD);
  });

  test('calls, and is answered with a relayed candidate', async () => {
    const site = await TurnSite.start();
    const [near, far] = [site.peer('alice'), site.peer('bob')];
    const dialogue = { 'call-id': 'call', 'from-tag': 'far', ...TO_BROWSER };
    const offered = await sdpOf(site.ng, { command: 'offer', ...dialogue, sdp: await far.offer() });
    const answer = { command: 'answer', ...dialogue, 'to-tag': 'near', sdp: await near.answerTo(offered) };
    const answered = await sdpOf(site.ng, answer);
    expect(answered).toContain(' 10.77.2.1 ');
    far.accept(answered);
    await assertTalk({ near, far });
    expect(await iceOf(site, 'far')).toMatchObject({ state: 'completed', 'RTP by relay': 1 });
  });

  test('goes on talking over the same relayed address when the data plane is killed', async () => {
    const site = await TurnSite.start();
    const talk = await call(site);
    await assertTalk(talk);
    const { relay } = await iceOf(site, 'far');
    await stateSaved(() => site.proxy.log());
    await killHalf(site.proxy, 'dataplane');
    await until('the calls to be back', () => (/reapplied=1/.test(site.proxy.log()) ? true : undefined));
    await assertTalk(talk);
    expect(await iceOf(site, 'far')).toMatchObject({ relay, 'RTP by relay': 1 });
    expect(site.proxy.log()).not.toContain('relayed candidate lost');
  });

  test('goes on talking when the control plane is killed, and what was granted is known afterwards', async () => {
    const site = await TurnSite.start();
    const talk = await call(site);
    await assertTalk(talk);
    const { relay } = await iceOf(site, 'far');
    await killHalf(site.proxy, 'control');
    await until('the calls to be known', () => (/adopted=1/.test(site.proxy.log()) ? true : undefined));
    await assertTalk(talk);
    const offer = { command: 'offer', 'call-id': 'call', 'from-tag': 'near', 'to-tag': 'far', ...TO_BROWSER };
    const offered = await sdpOf(site.ng, { ...offer, sdp: talk.nearOffer });
    expect(offered).toContain(String(relay).replace(':', ' '));
  });
});

describeTurn('a TURN server that gives nothing', () => {
  test('is told in the log with its reason if it refuses us, and the call goes on without', async () => {
    const site = await TurnSite.start({ password: 'wrong' });
    const { offered } = await call(site);
    expect(offered).toContain('typ host');
    expect(offered).not.toContain('typ relay');
    await logged(site, /no relayed candidate .*wrong user name or password/);
    expect(await iceOf(site, 'far')).toMatchObject({
      'relay failure': 'refused: wrong user name or password (401)',
    });
  });

  test('holds up neither its own call for good if it is silent, nor a later one', async () => {
    const site = await TurnSite.start();
    site.silence();
    const first = await call(site);
    expect(first.offered).not.toContain('typ relay');
    await logged(site, /no relayed candidate .*the server does not answer/);
    const sdp = await site.peer('alice').offer();
    const offer = { command: 'offer', 'call-id': 'next', 'from-tag': 'next', ...TO_BROWSER, sdp };
    expect(await sdpOf(site.ng, offer)).not.toContain('typ relay');
  });
});

async function logged(site: TurnSite, pattern: RegExp): Promise<void> {
  await until(`${pattern} in the log`, () => (pattern.test(site.proxy.log()) ? true : undefined));
}

function deletions(site: TurnSite): number {
  return site.served().split('refreshed, realm=<tandem.test>, username=<tandem>, lifetime=0').length - 1;
}
