import { isIP } from 'node:net';
import { showTransportAddress } from './addresses.js';
import { boolean, list, type Section, shown, text } from './fields.js';
import type { ListenAddress, RtpproxyConfig, RtpproxyListenConfig } from './schema.js';
import type { Value } from './value.js';

/** Reads `listen.rtpproxy`: `udp:127.0.0.1:22222`, `unix:/run/rtpproxy.sock`, `tcp:[::1]:22222`. */
export function rtpproxyListeners(listen: Section): readonly RtpproxyListenConfig[] {
  const listeners = new Map<string, RtpproxyListenConfig>();
  for (const { value, path } of list(listen, 'rtpproxy') ?? []) {
    const refuse = (text: string): number => listen.mistakes.push({ where: value.where, path, text });
    const listener = value.kind === 'scalar' ? parseRtpproxyListener(String(value.value)) : undefined;
    if (listener === undefined) {
      refuse(`${shown(value)} is not ${LISTENERS}`);
      continue;
    }
    if ('path' in listener && Buffer.byteLength(listener.path) > LONGEST_PATH) {
      refuse(`${listener.path} is longer than the ${LONGEST_PATH} bytes a socket's path can have`);
      continue;
    }
    const name = showRtpproxyListener(listener);
    if (listeners.has(name)) refuse(`${name} is named twice`);
    listeners.set(name, listener);
  }
  return [...listeners.values()];
}

export function decodeRtpproxy(section: Section): RtpproxyConfig {
  const mode = text(section, 'socketMode') ?? '660';
  if (!/^[0-7]{3,4}$/.test(mode)) {
    const where = section.entries.get('socketMode')?.where ?? section.where;
    section.mistakes.push({ where, path: 'rtpproxy.socketMode', text: `${mode} is not a mode such as 660` });
  }
  return {
    notify: notifyTargets(section),
    socketMode: Number.parseInt(mode, 8),
    asymmetricBridge: boolean(section, 'asymmetricBridge', false),
  };
}

export function isUdp(listener: RtpproxyListenConfig): listener is ListenAddress & { readonly kind: 'udp' } {
  return listener.kind === 'udp';
}

export function showRtpproxyListener(listener: RtpproxyListenConfig): string {
  return 'path' in listener
    ? `${listener.kind}:${listener.path}`
    : `${listener.kind}:${showTransportAddress(listener)}`;
}

/** The protocol's own names for families count, too; `*` is any address, and the port may be left out. */
function parseRtpproxyListener(written: string): RtpproxyListenConfig | undefined {
  const [, kind = 'unix', rest = ''] =
    /^(?:(udp6?|tcp6?|c?unix|unix-dgram):)?(.*)$/.exec(written.trim()) ?? [];
  if (kind === 'unix' || kind === 'cunix' || kind === 'unix-dgram') {
    return rest.startsWith('/') || (kind === 'cunix' && rest !== '') ? { kind, path: rest } : undefined;
  }
  const ip6 = kind.endsWith('6');
  const match = /^(?:\[([^\]]+)\]|([^:]+|[0-9a-f:]*::?[0-9a-f:]*?))(?::(\d{1,5}))?$/i.exec(rest);
  const host = match?.[1] ?? match?.[2];
  const address = host === '*' ? (ip6 ? '::' : '0.0.0.0') : isIP(rest) === 6 ? rest : host;
  const port = isIP(rest) === 6 || match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (address === undefined || isIP(address) === 0 || port < 1 || port > 65_535) return undefined;
  return { kind: kind.startsWith('udp') ? 'udp' : 'tcp', address, port };
}

function notifyTargets(section: Section): readonly string[] {
  const targets: string[] = [];
  for (const { value, path } of list(section, 'notify') ?? []) {
    const target = targetOf(value);
    if (target !== undefined) targets.push(target);
    else {
      const text = `${shown(value)} is not unix:PATH, tcp:HOST:PORT, udp:HOST:PORT or xmlrpc:URL`;
      section.mistakes.push({ where: value.where, path, text });
    }
  }
  return targets;
}

function targetOf(value: Value): string | undefined {
  const written = value.kind === 'scalar' ? String(value.value) : '';
  if (/^unix:.+/.test(written) || /^(?:tcp|udp):(?:\[[^\]]+\]|[^:]+):\d{1,5}$/.test(written)) return written;
  if (/^xmlrpc:https?:\/\/\S+$/.test(written)) return written;
  if (written.startsWith('/')) return `unix:${written}`;
  return /^[^/:]+:\d{1,5}$/.test(written) ? `tcp:${written}` : undefined;
}

const DEFAULT_PORT = 22_222;
const LISTENERS = 'udp:ADDRESS[:PORT], tcp:ADDRESS[:PORT], unix:PATH, cunix:PATH or unix-dgram:PATH';
/** What the kernel takes. */
const LONGEST_PATH = 107;
