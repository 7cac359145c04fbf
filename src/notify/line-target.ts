/** Where a target that is told lines is: a Unix socket's path, or host and port. */
export type LineTarget =
  | { readonly kind: 'stream'; readonly to: { readonly path: string } | HostAndPort }
  | { readonly kind: 'datagrams'; readonly to: HostAndPort };

export type HostAndPort = { readonly host: string; readonly port: number };

/** `unix:/path`, or `tcp:host:port` or `udp:host:port` with IPv6 in brackets. */
export function parseLineTarget(target: string): LineTarget | undefined {
  if (target.startsWith('unix:')) {
    return target.length > 5 ? { kind: 'stream', to: { path: target.slice(5) } } : undefined;
  }
  const [, protocol, host, digits] = /^(tcp|udp):\[?([^[\]]+?)\]?:(\d{1,5})$/.exec(target) ?? [];
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return { kind: protocol === 'udp' ? 'datagrams' : 'stream', to: { host, port } };
}
