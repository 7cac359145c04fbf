import { expect, test } from 'vitest';
import { at, sdpOf } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import { RtpPeer } from '../support/rtp-peer.js';
import { Tandem } from '../support/tandem.js';
import { describeWithWebRtcPeer, WebRtcPeer } from '../support/webrtc-peer.js';

type Call = { readonly browser: WebRtcPeer; readonly telephone: RtpPeer };

const TO_TELEPHONE = { 'transport-protocol': 'RTP/AVP', ICE: 'remove', 'rtcp-mux': ['demux'], flags: [] };
const TO_BROWSER = {
  'transport-protocol': 'UDP/TLS/RTP/SAVPF',
  ICE: 'force',
  'rtcp-mux': ['offer', 'require'],
  flags: ['SDES-off', 'generate-mid'],
};

async function browserCalls(tandem: Tandem): Promise<Call> {
  const [browser, telephone] = [new WebRtcPeer(), await RtpPeer.open()];
  const dialogue = { 'call-id': 'call', 'from-tag': 'browser' };
  const offer = { command: 'offer', ...dialogue, ...TO_TELEPHONE, sdp: await browser.offer() };
  const offered = await sdpOf(tandem.ng, offer);
  expect(offered).not.toContain('a=candidate');
  telephone.aim(offered);
  const answer = { command: 'answer', ...dialogue, 'to-tag': 'telephone', sdp: telephone.sdp() };
  browser.accept(await sdpOf(tandem.ng, answer));
  return { browser, telephone };
}

async function telephoneCalls(tandem: Tandem): Promise<Call> {
  const [browser, telephone] = [new WebRtcPeer(), await RtpPeer.open()];
  const dialogue = { 'call-id': 'call', 'from-tag': 'telephone' };
  const offer = { command: 'offer', ...dialogue, ...TO_BROWSER, sdp: telephone.sdp() };
  const answered = await browser.answerTo(await sdpOf(tandem.ng, offer));
  const answer = { command: 'answer', ...dialogue, 'to-tag': 'browser', sdp: answered };
  telephone.aim(await sdpOf(tandem.ng, answer));
  return { browser, telephone };
}

async function assertTalk({ browser, telephone }: Call): Promise<void> {
  const [atBrowser, atTelephone] = [browser.heard, telephone.received.length];
  telephone.talk();
  await telephone.hears(atTelephone + 50);
  await until('sound in the browser', () => (browser.heard >= atBrowser + 50 ? true : undefined));
  telephone.stopTalking();
}

async function iceOf(tandem: Tandem, tag: string): Promise<unknown> {
  const reply = await tandem.ng.command({ command: 'query', 'call-id': 'call' });
  const medias = at(reply, 'tags', tag, 'medias');
  return Array.isArray(medias) ? at(medias[0], 'ICE', 'state') : undefined;
}

describeWithWebRtcPeer('a WebRTC endpoint of another make', () => {
  test('calls a telephone', async () => {
    const tandem = await Tandem.start();
    const call = await browserCalls(tandem);
    await call.browser.isConnected();
    await assertTalk(call);
    expect(await iceOf(tandem, 'browser')).toBe('completed');
    expect(await iceOf(tandem, 'telephone')).toBeUndefined();
  });

  test('is called by a telephone', async () => {
    const tandem = await Tandem.start();
    const call = await telephoneCalls(tandem);
    await call.browser.isConnected();
    await assertTalk(call);
    expect(await iceOf(tandem, 'browser')).toBe('completed');
  });

  test('calls another one', async () => {
    const tandem = await Tandem.start();
    const [alice, bob] = [new WebRtcPeer(), new WebRtcPeer()];
    const dialogue = { 'call-id': 'call', 'from-tag': 'alice', 'rtcp-mux': ['require'], flags: ['SDES-off'] };
    const offer = { command: 'offer', ...dialogue, sdp: await alice.offer() };
    const answered = await bob.answerTo(await sdpOf(tandem.ng, offer));
    alice.accept(await sdpOf(tandem.ng, { command: 'answer', ...dialogue, 'to-tag': 'bob', sdp: answered }));
    await Promise.all([alice.isConnected(), bob.isConnected()]);
    await until('sound on both sides', () => (alice.heard >= 50 && bob.heard >= 50) || undefined);
    expect([await iceOf(tandem, 'alice'), await iceOf(tandem, 'bob')]).toEqual(['completed', 'completed']);
  });

  test('goes on talking when the data plane is killed', async () => {
    const tandem = await Tandem.start();
    const call = await browserCalls(tandem);
    await call.browser.isConnected();
    await assertTalk(call);
    await tandem.saved();
    await tandem.dataPlane.kill('SIGKILL');
    tandem.startDataPlane();
    await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
    await assertTalk(call);
  });
});
