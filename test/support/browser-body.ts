/** A body as browsers write them: two media in one bundle, keys by DTLS, candidates of all types. */
export type BrowserBody = {
  /** All that differs from call to call follows from it. */
  readonly number: number;
  readonly setup: 'actpass' | 'active';
  /** What bodies of a kind have in common. */
  readonly candidates: number;
  /** Before there are candidates to tell of, a browser has port 9 and no address. */
  readonly isTrickled?: boolean;
};

export function browserBody({ number, setup, candidates, isTrickled = false }: BrowserBody): string {
  const host = isTrickled ? '0.0.0.0' : `198.51.100.${1 + (number % 250)}`;
  const port = 20_000 + 20 * (number % 1_000);
  const fingerprint = Array.from({ length: 32 }, (_, at) => hex((number * 31 + at * 7) & 0xff)).join(':');
  const transport = (at: number): readonly string[] => [
    `c=IN IP4 ${host}`,
    'a=rtcp:9 IN IP4 0.0.0.0',
    ...Array.from({ length: candidates }, (_, index) => candidate(number * 100 + index, port + at, index)),
    `a=ice-ufrag:user/${number}+`,
    `a=ice-pwd:password/of/the/caller/${100_000 + number}`,
    'a=ice-options:trickle',
    `a=fingerprint:sha-256 ${fingerprint}`,
    `a=setup:${setup}`,
  ];
  const source = (at: number): readonly string[] => [
    'a=sendrecv',
    `a=msid:stream-${number} track-${number}-${at}`,
    'a=rtcp-mux',
    `a=ssrc:${1_000_000 + 10 * number + at} cname:name ${number}`,
  ];
  const lines = [
    'v=0',
    `o=- 1${number}000000 2 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    'a=group:BUNDLE 0 1',
    `a=msid-semantic: WMS stream-${number}`,
    `m=audio ${isTrickled ? 9 : port} UDP/TLS/RTP/SAVPF 111 0`,
    ...transport(0),
    'a=mid:0',
    ...source(0),
    'a=rtpmap:111 opus/48000/2',
    'a=fmtp:111 minptime=10;useinbandfec=1',
    `m=video ${isTrickled ? 9 : port + 10} UDP/TLS/RTP/SAVPF 96 97`,
    ...transport(10),
    'a=mid:1',
    ...source(1),
    'a=rtpmap:96 VP8/90000',
    'a=rtcp-fb:96 nack pli',
    'a=rtpmap:97 rtx/90000',
    'a=fmtp:97 apt=96',
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

function candidate(foundation: number, port: number, index: number): string {
  const [address, type] = KINDS[index % KINDS.length] ?? ['', ''];
  return `a=candidate:${foundation} 1 udp ${2_113_937_151 - index} ${address} ${port + index} typ ${type} generation 0`;
}

const KINDS = [
  ['192.0.2.7', 'host'],
  ['2001:db8::7', 'host'],
  ['c0ffee.local', 'host'],
  ['203.0.113.9', 'srflx raddr 192.0.2.7 rport 4000'],
] as const;

function hex(octet: number): string {
  return octet.toString(16).toUpperCase().padStart(2, '0');
}
