import { describe, expect, it } from 'vitest';
import { offersIce } from '../../../src/sdp/ice.js';
import { type MediaView, rtpProfile, viewMedia } from '../../../src/sdp/media-view.js';
import { parseSdp } from '../../../src/sdp/parse.js';
import { type SessionView, viewSession } from '../../../src/sdp/session-view.js';

const FINGERPRINT = `sha-256 ${Array.from({ length: 32 }, () => '0A').join(':')}`;

describe('the session part', () => {
  it('is sorted into what we regenerate and what we copy', () => {
    const session = sessionOf(
      'a=foo',
      'a=group:BUNDLE 0 1',
      'a=group:LS 0 1',
      'a=inactive',
      `a=fingerprint:${FINGERPRINT}`,
    );
    expect(session).toMatchObject({
      origin: { username: '-', sessionId: '1', version: '2' },
      name: '-',
      connection: { family: 'IP4', address: '192.0.2.1' },
      direction: 'inactive',
      bundles: [['0', '1']],
    });
    expect(session.other.map(({ value }) => value)).toEqual(['foo', 'group:LS 0 1']);
    expect(session.fingerprint?.hash).toBe('sha-256');
  });
});

describe('header extensions of the session part', () => {
  it('are counted once by their number, of those that RTP can carry', () => {
    const session = sessionOf(
      ...['1 urn:a', '1 urn:b', '0 urn:c', '256 urn:d', '255 urn:e'].map((text) => `a=extmap:${text}`),
    );
    expect(session.extmaps.map(({ uri }) => uri)).toEqual(['urn:a', 'urn:e']);
  });

  it('are not more than every section can repeat', () => {
    const long = 'x'.repeat(1_000);
    const many = Array.from({ length: 50 }, (_, index) => `a=extmap:${index + 1} urn:${long}`);
    expect(mediaIn(sessionOf(...many), 'm=audio 4000 RTP/AVP 0').extmaps.map(({ id }) => id)).toEqual([1, 2]);
  });
});

describe('a media section', () => {
  it('has the address of the session, or its own', () => {
    expect(media('m=audio 4000 RTP/AVP 0')).toMatchObject({
      address: { address: '192.0.2.1' },
      ownAddress: false,
    });
    expect(media('m=audio 4000 RTP/AVP 0', 'c=IN IP4 192.0.2.9')).toMatchObject({
      address: { address: '192.0.2.9' },
      ownAddress: true,
    });
  });

  it('without any address is incomplete', () => {
    expect(refusal('v=0\nm=audio 4000 RTP/AVP 0\n')).toBe('Incomplete SDP specification');
  });

  it.each(['128', '-1', 'x', '0x8'])('with the payload type %s is incomplete', (format) => {
    expect(refusal(`v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP ${format}\n`)).toBe(
      'Incomplete SDP specification',
    );
  });

  it('may name anything if it is rejected or no RTP', () => {
    expect(media('m=audio 0 RTP/AVP *').payloads).toEqual([]);
    expect(media('m=application 4000 UDP/BFCP *').profile).toBeUndefined();
  });

  it('may not ask for more than 16 ports', () => {
    expect(refusal('v=0\nc=IN IP4 192.0.2.1\nm=audio 4000/17 RTP/AVP 0\n')).toBe(
      'too many ports in one m= line',
    );
  });

  it.each([
    ['RTP/AVP', 'RTP/AVP'],
    ['rtp/savpf', 'RTP/SAVPF'],
    ['UDP/TLS/RTP/SAVPF', 'UDP/TLS/RTP/SAVPF'],
    ['udptl', undefined],
    ['TCP/RTP/AVP', undefined],
    ['UDP/DTLS/SCTP', undefined],
  ])('of the protocol %s has the profile %s', (protocol, profile) =>
    expect(rtpProfile(protocol)).toBe(profile),
  );

  it('has its own direction, else that of the session, else both', () => {
    expect(media('m=audio 4000 RTP/AVP 0').direction).toBe('sendrecv');
    expect(media('m=audio 4000 RTP/AVP 0', 'a=inactive', 'a=sendonly', 'a=recvonly').direction).toBe(
      'recvonly',
    );
    const held = sessionOf('a=sendonly');
    expect(mediaIn(held, 'm=audio 4000 RTP/AVP 0').direction).toBe('sendonly');
    expect(mediaIn(held, 'm=audio 4000 RTP/AVP 0', 'a=sendrecv').direction).toBe('sendrecv');
    expect(mediaIn(held, 'm=audio 4000 RTP/AVP 0').directionLines).toEqual([]);
  });

  it('has payload types with everything said about them', () => {
    const view = media(
      'm=audio 4000 RTP/AVP 8 96 77 96',
      'a=fmtp:96 a=1',
      'a=rtpmap:96 opus/48000/2',
      'a=fmtp:96 b=2',
      'a=rtcp-fb:96 nack',
      'a=rtcp-fb:96 ccm fir',
      'a=rtpmap:50 X/1',
    );
    expect(view.payloads).toEqual([
      {
        payloadType: 8,
        encoding: 'PCMA',
        clockRate: 8000,
        channels: 1,
        fmtp: [],
        rtcpFeedback: [],
        mapped: false,
      },
      {
        payloadType: 96,
        encoding: 'opus',
        clockRate: 48000,
        channels: 2,
        fmtp: ['a=1', 'b=2'],
        rtcpFeedback: ['nack', 'ccm fir'],
        mapped: true,
      },
      { payloadType: 77, encoding: '', clockRate: 0, channels: 1, fmtp: [], rtcpFeedback: [], mapped: false },
    ]);
  });

  it('multiplexes RTCP if it says so or names its RTP port', () => {
    expect(media('m=audio 4000 RTP/AVP 0').rtcpMux).toBe(false);
    expect(media('m=audio 4000 RTP/AVP 0', 'a=rtcp-mux').rtcpMux).toBe(true);
    expect(media('m=audio 4000 RTP/AVP 0', 'a=rtcp:4000').rtcpMux).toBe(true);
    expect(media('m=audio 4000 RTP/AVP 0', 'a=rtcp:4000 IN IP4 192.0.2.1').rtcpMux).toBe(true);
    expect(media('m=audio 4000 RTP/AVP 0', 'a=rtcp:4000 IN IP4 192.0.2.2').rtcpMux).toBe(false);
  });

  it('with several ports has no RTCP attribute', () => {
    expect(media('m=audio 4000/2 RTP/AVP 0', 'a=rtcp:4000')).toMatchObject({
      rtcp: undefined,
      rtcpMux: false,
    });
  });

  it('takes ICE, fingerprint and setup of the session where it has none', () => {
    const session = sessionOf(
      'a=ice-ufrag:abcd',
      `a=ice-pwd:${'p'.repeat(22)}`,
      'a=ice-lite',
      `a=fingerprint:${FINGERPRINT}`,
      'a=setup:passive',
    );
    const view = mediaIn(session, 'm=audio 4000 RTP/AVP 0', 'a=ice-ufrag:wxyz', 'a=setup:active');
    expect(view.ice).toMatchObject({ ufrag: 'wxyz', pwd: 'p'.repeat(22), lite: true });
    expect(offersIce(view.ice)).toBe(true);
    expect(view.setup).toBe('active');
    expect(view.fingerprint?.hash).toBe('sha-256');
  });

  it('ignores attributes with broken syntax', () => {
    const view = media(
      'm=audio 4000 RTP/AVP 0',
      'a=crypto:1 NONE inline:x',
      'a=candidate:nonsense',
      'a=fingerprint:sha-256 00',
      'a=rtcp:port',
      'a=ptime:soon',
      'a=extmap:x',
      'a=ice-pwd:short',
    );
    expect(view).toMatchObject({
      crypto: [],
      fingerprint: undefined,
      rtcp: undefined,
      ptimeMs: undefined,
      extmaps: [],
      other: [],
    });
    expect(view.ice.candidates).toEqual([]);
    expect(view.ice.pwd).toBeUndefined();
  });

  it('reads ptime with a fraction, as some gateways write it', () => {
    expect(media('m=audio 4000 RTP/AVP 0', 'a=ptime:20.0').ptimeMs).toBe(20);
  });

  it('keeps what nobody understands, in order', () => {
    const view = media(
      'm=audio 4000 RTP/AVP 0',
      'a=zebra',
      'a=ptime:20',
      'a=rtcp-fb:* nack',
      'a=ssrc:1 cname:x',
      'a=mid:1',
    );
    expect(view.other.map(({ value }) => value)).toEqual(['zebra', 'rtcp-fb:* nack', 'ssrc:1 cname:x']);
  });

  it('that is no RTP keeps what only RTP or the parties understand', () => {
    const view = media(
      'm=application 4000 UDP/DTLS/SCTP x',
      `a=fingerprint:${FINGERPRINT}`,
      'a=setup:actpass',
      'a=rtpmap:1 x/1',
      'a=mid:1',
    );
    expect(view.other.map(({ value }) => value)).toEqual([
      `fingerprint:${FINGERPRINT}`,
      'setup:actpass',
      'rtpmap:1 x/1',
    ]);
    expect(view.setup).toBe('actpass');
  });
});

function sessionOf(...attributes: string[]): SessionView {
  return viewSession(
    description(`v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\n${attributes.join('\n')}`),
  );
}

function media(...lines: string[]): MediaView {
  return mediaIn(sessionOf('a=x'), ...lines);
}

function mediaIn(session: SessionView, ...lines: string[]): MediaView {
  const [first] = description(`v=0\n${lines.join('\n')}`).medias;
  if (first === undefined) throw new Error('no m= line');
  const viewed = viewMedia(first, session);
  if (!viewed.ok) throw new Error(viewed.reason);
  return viewed.view;
}

function refusal(text: string): string | undefined {
  const parsed = description(text);
  const [first] = parsed.medias;
  if (first === undefined) throw new Error('no m= line');
  const viewed = viewMedia(first, viewSession(parsed));
  return viewed.ok ? undefined : viewed.reason;
}

function description(text: string) {
  const parsed = parseSdp(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.description;
}
