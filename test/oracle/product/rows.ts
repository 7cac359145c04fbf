import type { NgDictionary } from '../../support/oracle-ng-client.js';

/** One word or value of the flag table, and how it is held against rtpengine 10.5. */
export type Row = {
  /** The word of `flags`, or the key, by any of its spellings; a list's word as `key: word`. */
  readonly word: string;
  readonly check: Check;
};

export type Check =
  /** Sent to both with offer and answer, or with one of them. */
  | { readonly kind: 'compared'; readonly keys: NgDictionary; readonly with: 'both' | 'offer' | 'answer' }
  /** 10.5 does not know it: a case says what it does. */
  | { readonly kind: 'newer'; readonly shownBy: string }
  /** Not about offers and answers, or without effect on them. */
  | { readonly kind: 'elsewhere'; readonly why: string };

/** Every entry of the flag table has a row: `test/unit/control/ng/oracle-rows.test.ts` sees to it. */
export const ROWS: readonly Row[] = [
  compared('trust-address', { flags: ['trust-address'], 'received-from': ['IP4', '192.0.2.1'] }),
  compared('SIP-source-address', { flags: ['SIP-source-address'], 'received-from': ['IP4', '192.0.2.1'] }),
  ...words(
    ...['asymmetric', 'unidirectional', 'strict-source', 'media-handover', 'port-latching'],
    ...['no-port-latching', 'reset', 'loop-protect', 'original-sendrecv', 'generate-mid', 'strip-extmap'],
    ...['no-rtcp-attribute', 'full-rtcp-attribute', 'trickle-ICE', 'reject-ICE', 'single-codec'],
    ...['reuse-codecs', 'pad-crypto', 'block-DTMF', 'NAT-wait', 'pierce-NAT', 'no-redis-update', 'debug'],
    ...['record-call', 'generate-RTCP'],
    ...['symmetric', 'asymmetric-codecs', 'symmetric-codecs', 'reorder-codecs', 'no-jitter-buffer'],
    'detect-DTMF',
  ),
  elsewhere(
    'inject-DTMF',
    '10.5 takes out the codecs it could not mix the digits into; nothing is injected here',
  ),
  ...[
    'force-transcoding',
    'early-media',
    'audio-player',
    'no-audio-player',
    'block-egress',
    'block-short',
  ].map((word) =>
    elsewhere(
      word,
      'is about sound that is made or decoded: it has no effect here, and 10.5 does not know it',
    ),
  ),
  ...['skip-recording-db', 'recording-vsc', 'recording-announcement'].map((word) =>
    elsewhere(word, 'is about rtpengine’s recorder: it has no effect here, and 10.5 does not know it'),
  ),
  compared('always-transcode', { flags: ['always-transcode'] }, 'answer'),
  newer('webrtc', 'webrtc-macro'),
  newer('static-codecs', 'codec-static'),
  elsewhere('allow-asymmetric-codecs', 'the numbers of an answer are taken as they are, with it or without'),
  newer('allow-no-codec-media', 'codec-strip-everything-allowed'),
  newer('recrypt', 'sdes-recrypt'),
  newer('no-tls-id', 'dtls-no-tls-id'),
  newer('discard-recording', 'discard-recording'),
  newer('exclude-recording', 'recording-excludes-a-party'),
  elsewhere('pause', 'is a word of stop recording'),
  elsewhere('body', 'is the line of the command cli'),
  newer('new-branch', 'answer-second-tag-new-branch'),
  newer('provisional', 'answer-second-tag-provisional'),
  elsewhere('inbound-peer', '10.5 does not know it, and routes are the test machine’s'),
  elsewhere('outbound-peer', '10.5 does not know it, and routes are the test machine’s'),
  elsewhere('fragment', 'an offer with it is no offer; fragments of ICE are tested as cases'),
  elsewhere('passthrough', '10.5 prints other candidates; what Tandem prints are the cases of ICE'),
  elsewhere('no-passthrough', '10.5 prints other candidates; what Tandem prints are the cases of ICE'),
  ...['all', 'directional', 'to-tag', 'fatal', 'fast'].map((word) =>
    elsewhere(word, 'chooses parties or says how to delete: the conversations about control have it'),
  ),

  ...list(
    'replace',
    'origin',
    'session-connection',
    'session-name',
    'username',
    'SDP-version',
    'zero-address',
  ),
  newer('replace: origin-full', 'replace-origin-full'),
  newer('replace: force-increment-sdp-ver', 'replace-force-increment'),
  ...list('rtcp-mux', 'offer', 'require', 'demux', 'accept', 'reject'),
  ...list('SDES', 'off', 'pad', 'lifetime', 'no-AES_CM_128_HMAC_SHA1_80', 'unencrypted_srtp'),
  ...list('SDES', 'unencrypted_srtcp', 'unauthenticated_srtp'),
  newer('SDES: nonew', 'sdes-nonew'),
  newer('SDES: only-', 'sdes-only-suite'),
  newer('SDES: order:', 'sdes-order'),
  newer('SDES: offerer_pref:', 'sdes-offerer-preference'),
  newer('SDES: static', 'sdes-static'),
  newer('SDES: prefer', 'dtls-offerer-prefers-sdes-passed'),
  ...list('OSRTP', 'accept'),
  newer('OSRTP: accept-rfc', 'osrtp-accepted-rfc'),
  newer('OSRTP: offer', 'osrtp-offered'),
  newer('OSRTP: offer-legacy', 'osrtp-legacy-offered'),
  newer('OSRTP: accept-legacy', 'osrtp-legacy-accepted'),
  ...['remove', 'force', 'default'].map((mode) => compared(`ICE: ${mode}`, { ICE: mode })),
  elsewhere('ICE: optional', '10.5 prints other candidates; what Tandem prints are the cases of ICE'),
  elsewhere('ICE: force-relay', '10.5 prints other candidates; what Tandem prints are the cases of ICE'),
  newer('ICE: trickle', 'ice-options-asked'),
  newer('ICE: ice2', 'ice-options-asked'),
  ...['off', 'forward', 'backward', 'both'].map((side) =>
    compared(`ICE-lite: ${side}`, { 'ICE-lite': side }, 'offer'),
  ),
  ...['off', 'immediate', 'delayed', 'heuristic'].map((mode) =>
    compared(`endpoint-learning: ${mode}`, { 'endpoint-learning': mode }),
  ),
  ...['RTP/AVP', 'RTP/AVPF', 'RTP/SAVP', 'RTP/SAVPF', 'UDP/TLS/RTP/SAVP', 'UDP/TLS/RTP/SAVPF'].map(
    (protocol) => compared(`transport-protocol: ${protocol}`, { 'transport-protocol': protocol }, 'offer'),
  ),
  ...['passive', 'active', 'off'].map((role) =>
    compared(`DTLS: ${role}`, { DTLS: role, 'DTLS-reverse': role }, 'offer'),
  ),
  compared('DTLS-fingerprint', { 'DTLS-fingerprint': 'sha-1' }, 'offer'),
  ...['IP4', 'IP6'].map((family) =>
    compared(`address-family: ${family}`, { 'address family': family }, 'offer'),
  ),
  compared('media-address', { 'media address': '192.0.2.77' }),
  compared('direction', { direction: ['inner', 'outer'] }, 'offer'),
  newer('from-interface', 'direction-from-and-to-interface'),
  newer('to-interface', 'direction-from-and-to-interface'),
  compared('TOS', { TOS: 184 }),
  compared('ptime', { ptime: 30 }, 'offer'),
  compared('ptime-reverse', { 'ptime-reverse': 30 }, 'offer'),
  ...['blackhole', 'forward', 'backward', 'both'].map((way) =>
    compared(`media-echo: ${way}`, { 'media-echo': way }, 'offer'),
  ),
  ...['start', 'stop'].map((way) => compared(`drop-traffic: ${way}`, { 'drop-traffic': way })),
  ...['PCMU', 'opus', 'telephone-event', 'all'].map((codec) =>
    compared(`codec: strip ${codec}`, { codec: { strip: [codec] } }, 'offer'),
  ),
  compared('codec: offer PCMA, strip all', { codec: { strip: ['all'], offer: ['PCMA'] } }, 'offer'),
  compared('codec: except PCMA, strip all', { codec: { strip: ['all'], except: ['PCMA'] } }, 'offer'),
  newer('codec: ignore', 'codec-ignore'),
  elsewhere('codec: mask', 'without transcoding a masked codec is a stripped one; 10.5 transcodes'),
  elsewhere('codec: transcode', 'there is no transcoding yet'),
  elsewhere('codec: consume', 'there is no transcoding yet'),
  elsewhere('codec: accept', 'there is no transcoding yet'),
  elsewhere('codec: set', 'there is no transcoding yet'),
  elsewhere('T.38', 'there is no gateway of fax yet'),
  newer('bundle: accept', 'bundle-accepted'),
  newer('bundle: offer', 'bundle-offered'),
  newer('bundle: require', 'bundle-required'),
  newer('bundle: strict', 'bundle-strict'),
  newer('bundle: reject', 'bundle-dissolved-on-request'),
  newer('sdp-attr', 'sdp-attribute-added'),
  newer('sdp-media-remove', 'sdp-media-removed'),
  newer('extmap', 'media-extmap-strip'),
  compared('label', { label: 'caller' }),
  compared('set-label', { 'set-label': 'caller' }),
  compared('metadata', { metadata: 'key:value' }),
  newer('alias-key', 'alias-key-address'),
  newer('sip-code', 'answer-provisional-then-final'),
  compared('xmlrpc-callback', { 'xmlrpc-callback': '192.0.2.9' }),
  compared('DTMF-security', { 'DTMF-security': 'drop' }),
  ...['DTMF-security-trigger', 'DTMF-security-trigger-end', 'trigger', 'trigger-end'].map(aboutKeys),
  ...['trigger-end-digits', 'trigger-end-time', 'digit', 'frequency', 'volume'].map(aboutKeys),
  ...['start', 'stop', 'start-stop', 'pause', 'pause-resume', 'start-pause-resume'].map((code) =>
    aboutKeys(`VSC-${code}-rec`),
  ),
  aboutKeys('recording-vsc'),
  compared('DTMF-log-dest', { 'DTMF-log-dest': '192.0.2.9:5000' }),
  compared('record-call', { 'record call': 'no' }),
  newer('recording-file', 'recording-to-a-file'),
  newer('recording-path', 'recording-to-a-directory'),
  newer('recording-pattern', 'recording-named-by-a-pattern'),
  compared('generate-RTCP', { 'generate RTCP': 'off' }),
  compared('received-from', { 'received-from': ['IP4', '192.0.2.1'] }),
  compared('supports', { supports: ['load limit'] }),
  compared('delay-buffer', { 'delay-buffer': 0 }),
  ...['moh', 'T.38 version', 'recording-media-slots', 'vsc-start-rec', 'peer'].map((word) =>
    elsewhere(word, 'has no effect here, and 10.5 does not know it'),
  ),
  elsewhere('passthru', '10.5 prints other candidates; what Tandem prints are the cases of ICE'),
  elsewhere('flags', 'holds the words above'),
  ...['SIPREC', 'egress', 'inactive', 'mix', 'bidirectional', 'mirror-RTCP', 'allow-transcoding'].map(
    (word) => elsewhere(word, 'is about subscriptions: the conversations about them have it'),
  ),
  ...['unsubscribe', 'to-call-id', 'medias', 'calls', 'tags'].map((word) =>
    elsewhere(word, '10.5 has no such command: the cases of connect, mesh and create have it'),
  ),
  ...['from-tags', 'interface'].map((word) =>
    elsewhere(word, 'is about subscriptions: the conversations about them have it'),
  ),
  ...['call-id', 'from-tag', 'to-tag', 'via-branch', 'sdp'].map((word) => elsewhere(word, 'is in every row')),
  ...['address', 'to-label', 'all', 'limit', 'delete-delay'].map((word) =>
    elsewhere(word, 'is no key of offers and answers: the conversations about control have it'),
  ),
];

function compared(word: string, keys: NgDictionary, step: 'both' | 'offer' | 'answer' = 'both'): Row {
  return { word, check: { kind: 'compared', keys, with: step } };
}

function words(...flags: readonly string[]): readonly Row[] {
  return flags.map((word) => compared(word, { flags: [word] }));
}

function list(key: string, ...values: readonly string[]): readonly Row[] {
  return values.map((value) => compared(`${key}: ${value}`, { [key]: [value] }));
}

function newer(word: string, shownBy: string): Row {
  return { word, check: { kind: 'newer', shownBy } };
}

function aboutKeys(word: string): Row {
  return elsewhere(word, 'changes packets of keys and no SDP: cases block-dtmf-* have it');
}

function elsewhere(word: string, why: string): Row {
  return { word, check: { kind: 'elsewhere', why } };
}
