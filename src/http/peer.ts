import type { Socket } from 'node:net';
import type { Client } from '../command/command.js';

/** Who is at the other end; an IPv4 address never appears as an IPv6 one. */
export function clientOf({ remoteAddress = '', remotePort = 0 }: Socket): Client {
  return { address: remoteAddress.replace(/^::ffff:(?=[\d.]+$)/, ''), port: remotePort, protocol: 'http' };
}
