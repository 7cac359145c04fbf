import { describe, expect, test } from 'vitest';
import { at, sdpOf } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import { RtpPeer } from '../support/rtp-peer.js';
import { loopbackAddress, Tandem } from '../support/tandem.js';
import { type WeriftOptions, WeriftPeer } from '../support/werift-peer.js';

type Pair = { readonly browser: WeriftPeer; readonly telephone: RtpPeer };

const TO_TELEPHONE = { 'transport-protocol': 'RTP/AVP', ICE: 'remove', 'rtcp-mux': ['demux'], flags: [] };
const TO_BROWSER = {
  'transport-protocol': 'UDP/TLS/RTP/SAVPF',
  ICE: 'force',
  'rtcp-mux': ['offer', 'require'],
  flags: ['SDES-off', 'generate-mid'],
};

async function browserCalls(tandem: Tandem, options: WeriftOptions, more: object = {}): Promise<Pair> {
  const [browser, telephone] = [new WeriftPeer(options), await RtpPeer.open()];
  const dialogue = { 'call-id': 'call', 'from-tag': 'browser' };
  const offer = { command: 'offer', ...dialogue, ...TO_TELEPHONE, ...more, sdp: await browser.offer() };
  const offered = await sdpOf(tandem.ng, offer);
  telephone.aim(offered);
  const sdp = `${soundOf(telephone)}${await videoFor(offered)}`;
  await browser.accept(
    await sdpOf(tandem.ng, { command: 'answer', ...dialogue, ...more, 'to-tag': 'telephone', sdp }),
  );
  return { browser, telephone };
}

async function telephoneCalls(tandem: Tandem, options: WeriftOptions, more: object = {}): Promise<Pair> {
  const [browser, telephone] = [new WeriftPeer(options), await RtpPeer.open()];
  const dialogue = { 'call-id': 'call', 'from-tag': 'telephone' };
  const offer = { command: 'offer', ...dialogue, ...TO_BROWSER, ...more, sdp: soundOf(telephone) };
  const answered = await browser.answerTo(await sdpOf(tandem.ng, offer));
  const answer = { command: 'answer', ...dialogue, 'to-tag': 'browser', sdp: answered };
  telephone.aim(await sdpOf(tandem.ng, answer));
  return { browser, telephone };
}

function soundOf(telephone: RtpPeer): string {
  return telephone.sdp({ lines: [`a=ssrc:${telephone.ssrc} cname:telephone`] });
}

/** The section of a telephone that has a screen, if the offer asks for one. */
async function videoFor(offered: string): Promise<string> {
  const payloadType = /^a=rtpmap:(\d+) VP8\/90000/m.exec(offered)?.[1];
  if (payloadType === undefined) return '';
  const { port } = await RtpPeer.open();
  return `m=video ${port} RTP/AVP ${payloadType}\r\na=rtpmap:${payloadType} VP8/90000\r\n`;
}

async function assertTalk({ browser, telephone }: Pair): Promise<void> {
  await until('werift to be connected', () => browser.isConnected || undefined);
  const [atBrowser, atTelephone] = [browser.heard, telephone.received.length];
  telephone.talk();
  await telephone.hears(atTelephone + 50);
  await until('sound at werift', () => browser.heard >= atBrowser + 50 || undefined);
  telephone.stopTalking();
}

async function iceOf(tandem: Tandem, tag: string): Promise<unknown> {
  const reply = await tandem.ng.command({ command: 'query', 'call-id': 'call' });
  const medias = at(reply, 'tags', tag, 'medias');
  return Array.isArray(medias) ? at(medias[0], 'ICE') : undefined;
}

describe('werift', () => {
  test.each([
    ['client', 'passive'],
    ['server', 'active'],
  ])('calls a telephone, as the %s of the handshake', async (role, ours) => {
    const tandem = await Tandem.start();
    const call = await browserCalls(tandem, {}, { DTLS: ours });
    await assertTalk(call);
    expect(call.browser.dtlsRoles).toEqual([role]);
    expect(await iceOf(tandem, 'browser')).toMatchObject({ state: 'completed', role: 'controlled' });
  });

  test('goes on talking from another address than our first one when the data plane is killed', async () => {
    const tandem = await Tandem.start({ settings: [`interfaces=default/${loopbackAddress()};default/::1`] });
    const call = await browserCalls(tandem, { host: '::1' });
    await assertTalk(call);
    const before = await iceOf(tandem, 'browser');
    expect(before).toMatchObject({ state: 'completed', 'RTP remote': expect.stringContaining('::1') });
    await tandem.saved();
    await tandem.dataPlane.kill('SIGKILL');
    tandem.startDataPlane();
    await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
    const { 'RTP remote': remote } = before as { 'RTP remote': string };
    expect(await iceOf(tandem, 'browser')).toMatchObject({ state: 'completed', 'RTP remote': remote });
    await assertTalk(call);
  });

  test('is called by a telephone', async () => {
    const tandem = await Tandem.start();
    const call = await telephoneCalls(tandem, {});
    await assertTalk(call);
    expect(await iceOf(tandem, 'browser')).toMatchObject({ state: 'completed', role: 'controlling' });
  });

  test.each(['calls', 'is called'] as const)('is a lite agent and %s: Tandem controls', async (direction) => {
    const tandem = await Tandem.start();
    const start = direction === 'calls' ? browserCalls : telephoneCalls;
    await assertTalk(await start(tandem, { iceLite: true }));
    expect(await iceOf(tandem, 'browser')).toMatchObject({ state: 'completed', role: 'controlling' });
  });

  test('calls Tandem as a lite agent', async () => {
    const tandem = await Tandem.start();
    await assertTalk(await browserCalls(tandem, {}, { 'ICE-lite': 'backward' }));
    expect(await iceOf(tandem, 'browser')).toMatchObject({ role: 'controlled' });
  });

  test('is called by Tandem as a lite agent', async () => {
    const tandem = await Tandem.start();
    await assertTalk(await telephoneCalls(tandem, {}, { 'ICE-lite': 'forward' }));
    expect(await iceOf(tandem, 'browser')).toMatchObject({ role: 'controlled' });
  });

  test.each(['max-compat', 'max-bundle', 'disable'] as const)(
    'calls with audio and video, its policy for bundles being %s',
    async (bundlePolicy) => {
      const tandem = await Tandem.start();
      const call = await browserCalls(tandem, { video: true, bundlePolicy }, { bundle: ['accept'] });
      await assertTalk(call);
    },
  );

  test('calls another one, audio and video bundled on both sides', async () => {
    const tandem = await Tandem.start();
    const options = { video: true, bundlePolicy: 'max-bundle' } as const;
    const [alice, bob] = [new WeriftPeer(options), new WeriftPeer(options)];
    const dialogue = { 'call-id': 'call', 'from-tag': 'alice', 'rtcp-mux': ['require'], flags: ['SDES-off'] };
    // Where each section has a transport of its own as well, werift 0.24 answers with a bundle and uses the last one.
    const bundle = ['accept', 'require'];
    const offer = { command: 'offer', ...dialogue, bundle, sdp: await alice.offer() };
    const answered = await bob.answerTo(await sdpOf(tandem.ng, offer));
    const answer = { command: 'answer', ...dialogue, 'to-tag': 'bob', sdp: answered };
    await alice.accept(await sdpOf(tandem.ng, answer));
    await until('sound on both sides', () => (alice.heard >= 50 && bob.heard >= 50) || undefined);
  });
});
