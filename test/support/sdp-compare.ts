/**
 * Describes an SDP body by what it means, so that two bodies of different style can be compared. Ports become symbols
 * in the order in which a conversation first names them, secrets become "present". Shares no code with `src/sdp`.
 */
export type SdpFacts = Readonly<Record<string, string>>;

/**
 * Ports seen so far in a conversation; the same port has the same symbol all along. On another of the proxy's own addresses
 * the number may come again, and is another port.
 */
export class PortNames {
  readonly #addresses: readonly string[];
  readonly #seen: { readonly port: number; readonly address: string; readonly name: string }[] = [];

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** `connection`: the value of a c= line. */
  nameOf(port: number, connection: string | undefined): string {
    const address = connection?.split(' ')[2] ?? '';
    const known = this.#seen.find((other) => other.port === port && this.#isSame(other.address, address));
    if (known !== undefined) return known.name;
    const name = `port ${this.#seen.length + 1}`;
    this.#seen.push({ port, address, name });
    return name;
  }

  #isSame(one: string, other: string): boolean {
    return one === other || !this.#addresses.includes(one) || !this.#addresses.includes(other);
  }
}

type Section = { readonly head: string; readonly lines: readonly string[] };

export function describeSdp(sdp: string, ports: PortNames): SdpFacts {
  const [session, ...medias] = sections(sdp);
  if (session === undefined) return { empty: 'yes' };
  const facts: Record<string, string> = { ...describeSession(session), medias: String(medias.length) };
  const connection = fieldOf(session, 'c');
  const direction = directionOf(session);
  const addresses: string[] = [];
  for (const [index, media] of medias.entries()) {
    const described = describeMedia(media, { connection, direction }, ports);
    if (described.address !== undefined) addresses.push(described.address);
    for (const [key, value] of Object.entries(described)) facts[`m${index + 1}.${key}`] = value;
  }
  // A c= line nobody needs would still tell the other side's address.
  if (connection !== undefined && !addresses.includes(connection)) facts['session.connection'] = connection;
  return facts;
}

function sections(sdp: string): Section[] {
  const result: { head: string; lines: string[] }[] = [{ head: '', lines: [] }];
  for (const line of sdp.split(/\r?\n/).filter((each) => each !== '')) {
    if (line.startsWith('m=')) result.push({ head: line.slice(2), lines: [] });
    else result.at(-1)?.lines.push(line);
  }
  return sdp === '' ? [] : result;
}

function describeSession(session: Section): Record<string, string> {
  const [user = '', id = '', version = '', , family = '', address = ''] = (fieldOf(session, 'o') ?? '').split(
    ' ',
  );
  return compact({
    'session.user': user,
    'session.id': id,
    'session.version': version,
    'session.origin': `${family} ${address}`,
    'session.name': (fieldOf(session, 's') ?? '').trim(),
    'session.time': fieldOf(session, 't'),
    'session.text': textLines(session),
    'session.bandwidth': bandwidth(session),
    'session.others': otherAttributes(session),
    'session.group': attribute(session, 'group'),
    'session.ice': iceOf(session),
  });
}

function describeMedia(
  media: Section,
  inherited: { connection: string | undefined; direction: string | undefined },
  ports: PortNames,
): Record<string, string> {
  const [type = '', portText = '', profile = '', ...formats] = media.head
    .split(' ')
    .filter((word) => word !== '');
  const port = Number(portText.split('/')[0]);
  const rejected = port === 0;
  const address = fieldOf(media, 'c') ?? inherited.connection;
  const always = {
    type,
    profile,
    port: rejected ? '0' : ports.nameOf(port, address),
    mid: attribute(media, 'mid'),
    label: attribute(media, 'label'),
    formats: formats.join(' '),
  };
  if (rejected) return compact(always);
  const rtp = /RTP\//.test(profile);
  return compact({
    ...always,
    count: portText.split('/')[1],
    address,
    direction: rtp ? (directionOf(media) ?? inherited.direction ?? 'sendrecv') : undefined,
    rtcp: rtp ? rtcpOf(media, port) : undefined,
    mux: attributes(media, 'rtcp-mux').length > 0 ? 'yes' : undefined,
    codecs: rtp ? codecsOf(media, formats) : undefined,
    fmtp: sortedList(
      attributes(media, 'fmtp').filter((value) => formats.includes(value.split(' ')[0] ?? '')),
    ),
    feedback: sortedList(attributes(media, 'rtcp-fb')),
    ptime: attribute(media, 'ptime'),
    maxptime: attribute(media, 'maxptime'),
    extmap: sortedList(attributes(media, 'extmap')),
    crypto: cryptoOf(media),
    dtls: dtlsOf(media),
    ice: iceOf(media),
    text: textLines(media),
    bandwidth: bandwidth(media),
    others: otherAttributes(media),
  });
}

/** Attributes with a fact of their own; everything else is compared as it stands. */
const KNOWN = new Set(
  (
    'rtpmap fmtp rtcp-fb ptime maxptime extmap mid label rtcp rtcp-mux sendrecv sendonly recvonly inactive crypto ' +
    'setup fingerprint tls-id ice-ufrag ice-pwd ice-options ice-lite candidate end-of-candidates remote-candidates ' +
    'group extmap-allow-mixed'
  ).split(' '),
);

const STATIC_CODECS: Readonly<Record<string, string>> = {
  0: 'pcmu/8000',
  3: 'gsm/8000',
  4: 'g723/8000',
  8: 'pcma/8000',
  9: 'g722/8000',
  13: 'cn/8000',
  15: 'g728/8000',
  18: 'g729/8000',
  26: 'jpeg/90000',
  31: 'h261/90000',
  34: 'h263/90000',
};

function codecsOf(media: Section, formats: readonly string[]): string {
  const maps = new Map(
    attributes(media, 'rtpmap').map((value): [string, string] => {
      const [number = '', codec = ''] = value.split(' ');
      return [number, codec.toLowerCase().replace(/\/1$/, '')];
    }),
  );
  return formats.map((format) => `${format}=${maps.get(format) ?? STATIC_CODECS[format] ?? '?'}`).join(' ');
}

function rtcpOf(media: Section, port: number): string {
  const [rtcp, ...address] = (attribute(media, 'rtcp') ?? '').split(' ');
  if (rtcp === undefined || rtcp === '') return 'not said';
  const where = Number(rtcp) === port ? 'rtp port' : Number(rtcp) === port + 1 ? 'next port' : 'elsewhere';
  return address.length === 0 ? where : `${where} ${address.join(' ')}`;
}

function cryptoOf(media: Section): string | undefined {
  const lines = attributes(media, 'crypto').map((value) => value.split(' ').slice(0, 2).join(' '));
  return lines.length === 0 ? undefined : lines.join(', ');
}

function dtlsOf(media: Section): string | undefined {
  const setup = attribute(media, 'setup');
  const fingerprint = attribute(media, 'fingerprint')?.split(' ')[0];
  return setup === undefined && fingerprint === undefined ? undefined : `${setup} ${fingerprint}`;
}

function iceOf(section: Section): string | undefined {
  const candidates = attributes(section, 'candidate').map((value) => {
    const [, component, transport, , address, , , kind] = value.split(' ');
    return `${component}/${transport?.toUpperCase()}/${address}/${kind}`;
  });
  const parts = [
    attributes(section, 'ice-lite').length > 0 ? 'lite' : '',
    attributes(section, 'ice-ufrag').length > 0 ? 'credentials' : '',
    ...candidates,
  ].filter((part) => part !== '');
  return parts.length === 0 ? undefined : parts.join(' ');
}

function otherAttributes(section: Section): string | undefined {
  const others = section.lines
    .filter((line) => line.startsWith('a='))
    .map((line) => line.slice(2).replace(/^rtpengine:[0-9a-f]{12}$/, 'rtpengine:(instance)'))
    .filter((line) => !KNOWN.has(line.split(':')[0] ?? ''));
  return sortedList(others);
}

function textLines(section: Section): string | undefined {
  return sortedList(section.lines.filter((line) => /^[iueprzk]=/.test(line)));
}

function bandwidth(section: Section): string | undefined {
  return sortedList(section.lines.filter((line) => line.startsWith('b=')));
}

function directionOf(section: Section): string | undefined {
  return ['sendrecv', 'sendonly', 'recvonly', 'inactive'].find((name) => section.lines.includes(`a=${name}`));
}

function fieldOf(section: Section, letter: string): string | undefined {
  return section.lines.find((line) => line.startsWith(`${letter}=`))?.slice(2);
}

function attributes(section: Section, name: string): string[] {
  return section.lines.flatMap((line) => {
    if (line === `a=${name}`) return [''];
    return line.startsWith(`a=${name}:`) ? [line.slice(name.length + 3)] : [];
  });
}

function attribute(section: Section, name: string): string | undefined {
  return attributes(section, name)[0];
}

function sortedList(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : [...values].sort().join(' | ');
}

function compact(facts: Record<string, string | undefined>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [key, value] of Object.entries(facts)) if (value !== undefined) result[key] = value;
  return result;
}
