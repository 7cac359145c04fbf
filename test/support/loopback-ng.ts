import { createSocket } from 'node:dgram';
import { onTestFinished } from 'vitest';
import { createNgClient, type Exchange, type NgClient } from './oracle-ng-client.js';

/** An ng client as SIP proxies are: repeats its datagram until there is a reply with the same cookie. */
export function ngClient(address: string, port: number): NgClient {
  return createNgClient(ngExchange(address, port));
}

export function ngExchange(address: string, port: number, { everyMs = 500, times = 60 } = {}): Exchange {
  const socket = createSocket('udp4');
  const waiting = new Map<string, (reply: Buffer) => void>();
  socket.on('message', (reply) => waiting.get(cookieOf(reply))?.(reply));
  // A refused port shows as an error of the socket; repeating is the answer to that too.
  socket.on('error', () => {});
  onTestFinished(() => {
    socket.close();
  });
  return (datagram) => {
    const cookie = cookieOf(datagram);
    return new Promise((resolve) => {
      let sent = 0;
      const send = (): void => {
        if (sent++ < times) socket.send(datagram, port, address);
        else finish(undefined);
      };
      const timer = setInterval(send, everyMs);
      const finish = (reply: Buffer | undefined): void => {
        clearInterval(timer);
        waiting.delete(cookie);
        resolve(reply);
      };
      waiting.set(cookie, finish);
      send();
    });
  };
}

function cookieOf(datagram: Buffer): string {
  return datagram.toString('latin1', 0, datagram.indexOf(' '));
}
