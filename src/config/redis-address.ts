/** Where Redis is, and what its address says of how to get in. */
export type RedisAddress = {
  readonly host: string;
  readonly port: number;
  readonly database: number | undefined;
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: boolean;
};

/** `HOST:PORT`, `HOST`, or `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, with `rediss` over TLS. */
export function parseRedisAddress(written: string): RedisAddress | undefined {
  const url = /^rediss?:\/\//.test(written) ? written : `redis://${written}`;
  if (!URL.canParse(url)) return undefined;
  const { hostname, port, username, password, pathname, protocol, search, hash } = new URL(url);
  const database = /^\/?(\d{0,5})$/.exec(pathname)?.[1];
  if (hostname === '' || database === undefined || search !== '' || hash !== '') return undefined;
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 6379 : Number(port),
    database: database === '' ? undefined : Number(database),
    username: decoded(username),
    password: decoded(password),
    tls: protocol === 'rediss:',
  };
}

function decoded(text: string): string | null {
  if (text === '') return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
