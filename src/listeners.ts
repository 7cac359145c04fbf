import { readFileSync } from 'node:fs';
import { showTransportAddress } from './config/addresses.js';
import { type InheritedListener, isCarried } from './config/launch.js';
import type { Config, ListenAddress, RtpproxyListenConfig } from './config/schema.js';
import type { RtpproxyListen } from './control/rtpproxy/server.js';
import type { TlsListen } from './http/server.js';

/** Sockets that another process holds are used as they are. */
export function withInherited(
  protocol: string,
  configured: readonly ListenAddress[],
  inherited: readonly InheritedListener[],
): readonly (ListenAddress & { fd?: number; carried?: boolean })[] {
  const held = new Map<string, { readonly fd: number } | { readonly carried: true }>();
  for (const listener of inherited) {
    if ('path' in listener) continue;
    const place = showTransportAddress(listener);
    if (isCarried(listener)) {
      if (protocol === 'udp') held.set(place, { carried: true });
    } else if (listener.protocol === protocol) {
      held.set(place, { fd: listener.fd });
    }
  }
  return configured.map((address) => ({ ...address, ...held.get(showTransportAddress(address)) }));
}

export function rtpproxyListen(
  listener: RtpproxyListenConfig,
  config: Config,
  inherited: readonly InheritedListener[],
): RtpproxyListen {
  if ('path' in listener) {
    const protocol = listener.kind === 'unix-dgram' ? 'unix-dgram' : 'unix';
    const isHeld = (one: InheritedListener): boolean =>
      'path' in one && one.path === listener.path && one.protocol === protocol;
    const found = inherited.find(isHeld);
    const fd = found !== undefined && 'fd' in found ? found.fd : undefined;
    return { ...listener, mode: config.rtpproxy.socketMode, ...(fd !== undefined && { fd }) };
  }
  const [held] = withInherited(listener.kind, [listener], inherited);
  return { ...listener, ...held };
}

/** Read once, at start: a certificate that was renewed takes a restart of this process, which no call notices. */
export function tlsListen({ http, listen }: Config): TlsListen | undefined {
  if (listen.https.length === 0 || http.files === null) return undefined;
  const [certificate, privateKey] = [http.files.certificate, http.files.privateKey].map((file) =>
    readFileSync(file, 'utf8'),
  );
  return { listen: listen.https, certificate: certificate ?? '', privateKey: privateKey ?? '' };
}
