import { Socket } from 'node:net';
import type { Client } from '../../command/command.js';
import type { ControlLogger } from '../udp.js';
import type { RtpproxyResponder } from './responder.js';

/**
 * Answers datagrams of a Unix socket. Node.js cannot read such a socket: the supervisor carries its datagrams over a
 * stream, each with its client's address, and starts with it when told that somebody reads.
 */
export function openCarrier(
  { path, fd }: { readonly path: string; readonly fd?: number },
  responder: RtpproxyResponder,
  logger: ControlLogger,
): () => Promise<void> {
  if (fd === undefined) {
    throw new Error(`unix-dgram:${path} needs the supervisor, which bin/tandem and bin/rtpproxy start`);
  }
  const socket = new Socket({ fd, readable: true, writable: true });
  const splitter = new CarriedSplitter();
  socket.on('error', (error) => logger.error({ err: error, path }, 'no more datagrams from a Unix socket'));
  socket.on('data', (chunk) => {
    for (const { from, datagram } of splitter.push(chunk)) {
      responder.answerDatagram(datagram, LOCAL, { address: `unix:${from.toString('latin1')}`, port: 0 }).then(
        (reply) => {
          if (reply !== undefined && !socket.destroyed) socket.write(carried({ from, datagram: reply }));
        },
        (error) => logger.error({ err: error }, 'control request failed'),
      );
    }
  });
  socket.write(READS);
  return async () => {
    socket.destroy();
  };
}

export type Carried = { readonly from: Buffer; readonly datagram: Buffer };

/** A frame: four bytes with the length of the rest, two with that of the client's address, address and datagram. */
export function carried({ from, datagram }: Carried): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt32BE(2 + from.length + datagram.length, 0);
  header.writeUInt16BE(from.length, 4);
  return Buffer.concat([header, from, datagram]);
}

/** Cuts the stream into what it carries. */
export class CarriedSplitter {
  #rest = Buffer.alloc(0);

  push(chunk: Buffer): readonly Carried[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const found: Carried[] = [];
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
      const end = 4 + bytes.readUInt32BE(0);
      const start = 6 + bytes.readUInt16BE(4);
      found.push({ from: bytes.subarray(6, start), datagram: bytes.subarray(start, end) });
      bytes = bytes.subarray(end);
    }
    this.#rest = Buffer.from(bytes);
    return found;
  }
}

const LOCAL: Client = { address: '127.0.0.1', port: 0, protocol: 'rtpproxy' };
/** An empty frame. */
const READS = Buffer.alloc(4);
