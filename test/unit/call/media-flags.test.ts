import { describe, expect, test } from 'vitest';
import { describeCall } from '../../../src/call/statistics.js';
import { DEFAULT_FLAGS, type MediaFlags } from '../../../src/command/flags.js';
import { audio, Conversation, FACTS, sdp } from '../negotiation/sample.js';

const FACTS_WITH_KEYS = {
  ...FACTS,
  capabilities: new Set(['srtp', 'ice'] as const),
  certificate: {
    id: 'A1',
    former: [],
    fingerprints: [{ hash: 'sha-256', value: Array(32).fill('A1').join(':') }],
  },
};
const OFF = { ...DEFAULT_FLAGS.sdes, off: true };
const KEY = `inline:${Buffer.alloc(30, 7).toString('base64')}`;

/** A section of a browser. */
function browser(host: number, setup: string, ...session: readonly string[]): string {
  return sdp(
    ...['v=0', 'o=a 1 1 IN IP4 198.51.100.9', 's=-', `c=IN IP4 198.51.100.${host}`, 't=0 0', ...session],
    ...['m=audio 4000 UDP/TLS/RTP/SAVPF 0', 'a=rtcp-mux', `a=setup:${setup}`],
    ...[`a=fingerprint:sha-256 ${Array(32).fill('B2').join(':')}`, 'a=ice-ufrag:abcd'],
    ...['a=ice-pwd:0123456789012345678901', 'a=ice-options:trickle'],
    `a=candidate:1 1 UDP 2130706431 198.51.100.${host} 4000 typ host`,
  );
}

/** The flags of alice's and of bob's media, and those of alice's packets. */
function shown(offer: string, answer: string, flags: Partial<MediaFlags> = {}, ofAnswer = {}) {
  const conversation = new Conversation(FACTS_WITH_KEYS);
  conversation.offer(offer, flags);
  conversation.answer(answer, ofAnswer);
  if (conversation.call === undefined) throw new Error('there is no call');
  const [alice, bob] = describeCall(conversation.call, null, null, 0).parties;
  const [media, other] = [alice?.medias[0], bob?.medias[0]];
  return { alice: media?.flags, bob: other?.flags, packets: media?.packetFlags };
}

describe('what a query says of a media', () => {
  test('names the role of each side in DTLS and ICE', () => {
    const toPhone: Partial<MediaFlags> = {
      transportProtocol: 'RTP/AVP',
      ice: 'remove',
      rtcpMux: new Set(['demux']),
    };
    const { alice, bob } = shown(browser(10, 'actpass'), audio(20, 5000), toPhone);
    expect(alice).toEqual([
      ...['initialized', 'send', 'recv', 'rtcp-mux', 'DTLS-SRTP', 'DTLS role active', 'ICE'],
      ...['trickle ICE', 'RTCP feedback'],
    ]);
    expect(bob).toEqual(['initialized', 'send', 'recv']);
  });

  test('names the other roles towards who answers', () => {
    const toBrowser: Partial<MediaFlags> = {
      transportProtocol: 'UDP/TLS/RTP/SAVPF',
      ice: 'force',
      iceLite: 'forward',
      rtcpMux: new Set(['offer']),
      sdes: OFF,
    };
    const { bob } = shown(audio(10, 4000), browser(20, 'active', 'a=ice-lite'), toBrowser);
    expect(bob).toEqual([
      ...['initialized', 'send', 'recv', 'rtcp-mux', 'DTLS-SRTP', 'DTLS role passive', 'ICE'],
      ...['trickle ICE', 'ICE controlling', 'ICE-lite peer', 'ICE-lite self', 'RTCP feedback'],
    ]);
  });

  test('tells SDES from DTLS', () => {
    const secure = audio(10, 4000, `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${KEY}`).replace(
      'RTP/AVP',
      'RTP/SAVP',
    );
    const { alice } = shown(secure, audio(20, 5000), { transportProtocol: 'RTP/AVP' });
    expect(alice).toEqual(['initialized', 'send', 'recv', 'SDES']);
  });

  test('says who is not learned, who hears itself, and whose reports are ours', () => {
    const { alice, bob } = shown(audio(10, 4000), audio(20, 5000), {
      asymmetric: true,
      mediaEcho: 'backward',
      generateRtcp: true,
    });
    expect(alice).toEqual(['initialized', 'asymmetric', 'send', 'recv', 'RTCP generator', 'echo']);
    expect(bob).toEqual(['initialized', 'send', 'recv', 'RTCP generator', 'blackhole']);
  });

  test('says of which party one-way streams were asked to go by the kernel', () => {
    const phones = [audio(10, 4000), audio(20, 5000)] as const;
    const asked = { unidirectional: true };
    expect(shown(...phones, asked)).toMatchObject({
      alice: ['initialized', 'send', 'recv', 'unidirectional'],
      bob: ['initialized', 'send', 'recv'],
    });
    expect(shown(...phones, {}, asked).bob).toContain('unidirectional');
  });

  test('says who is told another packetisation time than the other party said', () => {
    const phones = [audio(10, 4000), audio(20, 5000)] as const;
    const towardsBob = shown(...phones, { ptimeMs: 40 });
    expect(towardsBob.bob).toEqual(['initialized', 'send', 'recv', 'ptime-override']);
    expect(towardsBob.alice).toEqual(['initialized', 'send', 'recv']);
    const towardsAlice = shown(...phones, { ptimeReverseMs: 40 });
    expect(towardsAlice.alice).toEqual(['initialized', 'send', 'recv', 'ptime-override']);
    expect(towardsAlice.bob).toEqual(['initialized', 'send', 'recv']);
  });

  test('no longer says so after an offer without', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), { ptimeMs: 40 });
    conversation.answer(audio(20, 5000));
    conversation.offer(audio(10, 4000));
    conversation.answer(audio(20, 5000));
    if (conversation.call === undefined) throw new Error('there is no call');
    const parties = describeCall(conversation.call, null, null, 0).parties;
    expect(parties.flatMap(({ medias }) => medias.flatMap(({ flags }) => flags))).not.toContain(
      'ptime-override',
    );
  });

  test('names a party that sends its media back to where it comes from', () => {
    const conversation = new Conversation();
    const offered = conversation.offer(audio(10, 4000));
    const call = conversation.call;
    const local = call?.legs[1]?.streams[0]?.locals[0];
    if (local?.port === undefined) throw new Error(`nothing was bound for ${JSON.stringify(offered)}`);
    const answer = audio(20, local.port).replaceAll('198.51.100.20', local.address);
    conversation.answer(answer);
    if (conversation.call === undefined) throw new Error('there is no call');
    const [alice, bob] = describeCall(conversation.call, null, null, 0).parties;
    expect(bob?.medias[0]?.flags).toEqual(['initialized', 'send', 'recv', 'loop check']);
    expect(alice?.medias[0]?.flags).toEqual(['initialized', 'send', 'recv']);
  });

  test('says that two lines stood for one stream', () => {
    const twins = `${audio(10, 4000)}m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 ${KEY}\r\n`;
    const { alice } = shown(twins, audio(20, 5000), {
      osrtp: new Set(['accept-legacy']),
      transportProtocol: 'RTP/AVP',
    });
    expect(alice).toContain('legacy OSRTP');
    expect(alice).not.toContain('reverse legacy OSRTP');
  });

  test('says of its packets whose are taken', () => {
    expect(shown(audio(10, 4000), audio(20, 5000)).packets).toEqual([]);
    const asked = shown(audio(10, 4000), audio(20, 5000), { strictSource: true, mediaHandover: true });
    expect(asked.packets).toEqual(['strict source address', 'media handover']);
  });

  test('says that keys and checks pass between the parties', () => {
    const { alice } = shown(browser(10, 'actpass'), browser(20, 'active'), { passthrough: true });
    expect(alice).toContain('passthrough');
  });
});
