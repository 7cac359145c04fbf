import { describe, expect, it } from 'vitest';
import { lintTemplates } from '../../../../src/control/ng/lint-templates.js';

function lint(flags: string, others: Readonly<Record<string, string>> = {}): readonly string[] {
  const templates = new Map([...Object.entries(others), ['it', flags]]);
  return lintTemplates(templates).flatMap(({ name, text }) => (name === 'it' ? [text] : []));
}

describe('templates without mistakes', () => {
  it.each([
    '',
    'transport-protocol=UDP/TLS/RTP/SAVPF ICE=force rtcp-mux=[offer require] SDES=off generate-mid',
    'ICE=remove rtcp-mux=[demux] RTP AVP replace-origin replace-session-connection',
    'SRTP AVPF',
    'internal external',
    'direction=pub direction=priv',
    'webrtc',
    'codec-strip-all codec-offer-PCMA codec-except-telephone-event',
    'SIPREC record-call=yes',
    'trust-address trust-address ICE=force ICE=force',
  ])('"%s"', (flags) => expect(lint(flags)).toEqual([]));

  it('may change what the template they contain says', () => {
    expect(lint('template=web ICE=remove', { web: 'ICE=force' })).toEqual([]);
  });
});

describe('mistakes in templates', () => {
  it.each([
    ['replace-orign', 'unknown flag "replace-orign"'],
    ['ICE=always', 'unknown value "always" of "ICE"'],
    ['coffee=black', 'unknown key "coffee"'],
    ['template=nowhere', 'unknown template "nowhere"'],
    ['template=it', 'templates that contain each other'],
    ['trust-address SIP-source-address', '"SIP-source-address" contradicts "trust-address"'],
    ['port-latching no-port-latching', '"no-port-latching" contradicts "port-latching"'],
    ['no-rtcp-attribute full-rtcp-attribute', '"full-rtcp-attribute" contradicts "no-rtcp-attribute"'],
    ['ICE=force ICE=remove', '"ICE=remove" contradicts "ICE=force"'],
    ['RTP/AVP RTP/SAVP', '"RTP/SAVP" contradicts "RTP/AVP"'],
    ['webrtc ICE=remove', '"ICE=remove" contradicts "webrtc"'],
    [
      'SDES-encrypted_srtp SDES-unencrypted_srtp',
      '"SDES-unencrypted_srtp" contradicts "SDES-encrypted_srtp"',
    ],
    ['strict-source media-handover', 'strict-source drops the sources that media-handover follows'],
    ['rtcp-mux=[accept reject]', 'rtcp-mux cannot be accepted and rejected at once'],
    ['rtcp-mux-demux rtcp-mux-require', 'rtcp-mux cannot be taken away (demux) and required at once'],
    ['bundle=[offer reject]', 'bundle cannot be rejected and asked for at once'],
    ['ICE=remove trickle-ICE', 'ICE=remove leaves nothing to trickle or to be lite about'],
    ['SDES=[off prefer]', 'SDES=off leaves no suites to choose from or to prefer'],
    ['RTP/SAVP SDES=off DTLS=off', 'a secure transport-protocol needs SDES or DTLS'],
    ['codec-strip-PCMA codec-offer-PCMA', 'a codec is both stripped and kept'],
  ])('"%s": %s', (flags, mistake) => expect(lint(flags)).toContain(mistake));

  it('are told all at once', () => {
    expect(lint('strict-source media-handover replace-orign ICE=always')).toHaveLength(3);
  });
});
