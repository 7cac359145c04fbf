/**
 * An endpoint that takes what it is offered: every stream, the first codec and its telephone events, keys or DTLS as
 * offered, rtcp-mux if there. Two offers that mean the same get answers that mean the same.
 */
export function answerTo(offer: string): string {
  const [session = '', ...medias] = offer.split(/^(?=m=)/m);
  const group = /^a=group:BUNDLE.*$/m.exec(session)?.[0];
  const lines = [
    'v=0',
    'o=bob 9 9 IN IP4 198.51.100.20',
    's=-',
    'c=IN IP4 198.51.100.20',
    't=0 0',
    ...(group === undefined ? [] : [group]),
    ...medias.flatMap((media, at) => mediaAnswer(media.split(/\r?\n/), 5000 + 2 * at, session)),
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

function mediaAnswer(offered: readonly string[], port: number, session: string): string[] {
  const [type = '', offeredPort = '0', protocol = '', ...formats] = (offered[0] ?? '').slice(2).split(' ');
  const kept = protocol.includes('RTP/') ? chosenFormats(offered, formats) : formats;
  const m = `m=${type} ${offeredPort === '0' ? 0 : port} ${protocol} ${kept.join(' ')}`;
  if (offeredPort === '0') return [m, ...starting(offered, 'a=mid:')];
  const isSecure = /SAVP/.test(protocol);
  const hasDtls = starting(offered, 'a=fingerprint:').length > 0 || session.includes('a=fingerprint:');
  const crypto = hasDtls ? undefined : starting(offered, 'a=crypto:')[0];
  return [
    m,
    ...starting(offered, 'a=mid:'),
    ...starting(offered, 'a=rtpmap:', 'a=fmtp:').filter((line) =>
      kept.includes(/:(\d+)/.exec(line)?.[1] ?? ''),
    ),
    ...directionAnswer(offered),
    ...starting(offered, 'a=rtcp-mux'),
    ...(isSecure && hasDtls ? [FINGERPRINT, 'a=setup:active'] : []),
    ...(isSecure && crypto !== undefined ? [crypto.replace(/inline:\S+/, `inline:${keyFor(crypto)}`)] : []),
  ];
}

/** The first codec, and the first telephone-event. */
function chosenFormats(offered: readonly string[], formats: readonly string[]): string[] {
  const nameOf = (format: string) =>
    new RegExp(`^a=rtpmap:${format} ([^/]+)`, 'm').exec(offered.join('\n'))?.[1]?.toLowerCase() ?? format;
  const first = formats.find((format) => !SUPPLEMENTAL.has(nameOf(format)));
  const events = formats.find((format) => nameOf(format) === 'telephone-event');
  return formats.filter((format) => format === (first ?? formats[0]) || format === events);
}

function directionAnswer(offered: readonly string[]): string[] {
  if (offered.includes('a=sendonly')) return ['a=recvonly'];
  if (offered.includes('a=recvonly')) return ['a=sendonly'];
  return offered.includes('a=inactive') ? ['a=inactive'] : [];
}

function starting(lines: readonly string[], ...beginnings: readonly string[]): string[] {
  return lines.filter((line) => beginnings.some((beginning) => line.startsWith(beginning)));
}

/** As long as the suite wants it. */
function keyFor(crypto: string): string {
  const bytes = /256_GCM/.test(crypto) ? 44 : /128_GCM/.test(crypto) ? 28 : /AES_256/.test(crypto) ? 46 : 30;
  return Buffer.alloc(/AES_192/.test(crypto) ? 38 : bytes, 7).toString('base64');
}

const FINGERPRINT = `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`;

const SUPPLEMENTAL: ReadonlySet<string> = new Set([
  'telephone-event',
  'cn',
  'red',
  'rtx',
  'ulpfec',
  'flexfec-03',
]);
