import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Routes } from './ports.js';

/** Asks the kernel: a connected UDP socket has the address its packets would leave from. Nothing is sent. */
export const kernelRoutes: Routes = {
  sourceTowards(address) {
    return new Promise((resolve) => {
      const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
      const finish = (source: string | undefined): void => {
        socket.close();
        resolve(source);
      };
      socket.once('error', () => finish(undefined));
      socket.once('connect', () => finish(socket.address().address));
      socket.connect(DISCARD_PORT, address);
    });
  },
};

const DISCARD_PORT = 9;
