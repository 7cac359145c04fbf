/** Every word of the lists in an ng request; `a|b` are spellings of one word. */
export const REPLACE = [
  'origin',
  'session-connection|session connection',
  'session-name|session name',
  'username',
  'SDP-version|sdp-version|SDP version|sdp version',
  'zero-address|zero address',
  'origin-full|origin full',
  'force-increment-sdp-ver|force increment sdp ver',
];
export const SDES = [
  'off|no|disable|disabled',
  'nonew',
  'static',
  'prefer|priority',
  'pad',
  'lifetime',
  'unencrypted_srtp|UNENCRYPTED_SRTP',
  'unencrypted_srtcp|UNENCRYPTED_SRTCP',
  'unauthenticated_srtp|UNAUTHENTICATED_SRTP',
  'no-AES_CM_128_HMAC_SHA1_32',
  'only-AES_256_CM_HMAC_SHA1_80',
  'order:A;B',
  'offerer_pref:C;D',
];
export const OSRTP = [
  'offer|offer-RFC|offer-rfc',
  'offer-legacy',
  'accept-rfc|accept-RFC',
  'accept-legacy',
  'accept',
];
export const RTCP_MUX = ['offer', 'require', 'demux', 'accept', 'reject'];
export const BUNDLE = ['accept', 'offer', 'require', 'strict', 'reject'];
export const LEARNING = ['off', 'immediate', 'delayed', 'heuristic'];
export const T38 = [
  'decode',
  'force',
  'stop',
  'no-ECM',
  'no-V.17',
  'no-V.27ter',
  'no-V.29',
  'no-V.34',
  'no-IAF',
  'FEC',
];
export const LITE = [
  'off|none|no',
  'forward|offer|fwd|fw',
  'backward|backwards|reverse|answer|back|bkw|bk',
  'both',
];
export const SWITCH = ['on|yes|enable|enabled', 'off|no|disable|disabled'];
export const CODECS = ['PCMU', 'PCMA/8000', 'opus/48000/2/32000', 'telephone-event'];
export const CODEC_LISTS = [
  'strip',
  'offer',
  'except',
  'mask',
  'transcode',
  'set',
  'accept',
  'consume',
  'ignore',
];

export const ICE = [
  'remove',
  'force',
  'default',
  'optional',
  'force-relay|force relay|force_relay',
  'trickle',
  'ice2',
];
export const DTLS = ['passive', 'active', 'off|no|disable|disabled'];
export const ECHO = [
  'blackhole|sinkhole',
  'forward|fwd|fw',
  'backward|backwards|reverse|back|bkw|bk',
  'both',
];
export const DROP = ['start', 'stop'];
export const FAMILIES = ['IP4', 'IP6'];

/** The words of each key that holds such a list. */
export const WORDS: Readonly<Record<string, readonly string[]>> = {
  replace: REPLACE,
  SDES,
  OSRTP,
  'rtcp-mux': RTCP_MUX,
  bundle: BUNDLE,
  ICE,
  'ICE-lite': LITE,
  'endpoint-learning': LEARNING,
  DTLS,
  'media-echo': ECHO,
  'drop-traffic': DROP,
  'address-family': FAMILIES,
  codec: CODEC_LISTS,
};
