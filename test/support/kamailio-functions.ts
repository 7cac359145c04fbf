import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './netns-until.js';
import { Process } from './process.js';
import { freePort, loopbackAddress } from './tandem.js';

const CONFIG = join(import.meta.dirname, 'kamailio-functions.cfg');

/** A request to a script that calls one function of the module. */
export type FunctionCall = {
  readonly callId: string;
  /** Decides what `rtpengine_manage` and `rtpengine_answer` make of it. */
  readonly method?: 'INVITE' | 'PRACK' | 'BYE' | 'INFO';
  readonly from: string;
  readonly to?: string;
  readonly flags?: string;
  readonly sdp?: string;
};

export type Returned = {
  /** 1: done, -1: not done. */
  readonly code: number;
  readonly body: string;
  /** A variable of the script; absent: it was not set. */
  variable(name: string): string | undefined;
};

/** Kamailio with the rtpengine module, whose functions a test can call one by one. */
export class KamailioFunctions {
  readonly #exchange: Exchange;
  readonly #at: string;
  #requests = 0;

  private constructor(at: string, exchange: Exchange) {
    this.#at = at;
    this.#exchange = exchange;
  }

  static async start(mediaProxy: string): Promise<KamailioFunctions> {
    const directory = mkdtempSync(join(tmpdir(), 'tandem-kamailio-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const address = loopbackAddress();
    const port = await freePort(address);
    const kamailio = new Process('Kamailio', [
      ...['kamailio', '-f', CONFIG, '-DD', '-E', '-m', '64', '-M', '8', '-Y', directory, '-w', directory],
      ...['-l', `udp:${address}:${port}`, '-A', `MEDIA_PROXY="${mediaProxy}"`],
    ]);
    // Killed, it leaves its workers behind.
    onTestFinished(() => kamailio.kill('SIGTERM'));
    const functions = new KamailioFunctions(`${address}:${port}`, await exchanger(address, port));
    await until('Kamailio to answer', async () => {
      if (!kamailio.running) throw new Error(`Kamailio ended: ${kamailio.stderr}`);
      // What is sent before it listens is lost.
      return functions.#request('OPTIONS', 'ready', { callId: 'ready', from: 'a' }, 200);
    });
    return functions;
  }

  async call(name: string, { method = 'INFO', ...call }: FunctionCall): Promise<Returned> {
    const reply = await this.#request(method, name, call);
    if (reply === undefined) throw new Error(`Kamailio gave no reply to ${name}`);
    const end = reply.indexOf('\r\n\r\n');
    const variable = (header: string): string | undefined => {
      const value = new RegExp(`^X-${header}: (.*)\r$`, 'm').exec(reply.slice(0, end + 2))?.[1];
      return value === '<null>' ? undefined : value;
    };
    return { code: Number(variable('Returned')), body: reply.slice(end + 4), variable };
  }

  #request(
    method: string,
    user: string,
    call: Omit<FunctionCall, 'method'>,
    waitMs?: number,
  ): Promise<string | undefined> {
    this.#requests += 1;
    const { callId, from, to, flags = '', sdp = '' } = call;
    const head = [
      `${method} sip:${user}@${this.#at} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.#at};branch=z9hG4bK${this.#requests};rport`,
      `From: <sip:a@example.org>;tag=${from}`,
      `To: <sip:b@example.org>${to === undefined ? '' : `;tag=${to}`}`,
      `Call-ID: ${callId}`,
      `CSeq: ${this.#requests} ${method}`,
      'Max-Forwards: 5',
      `X-Flags: ${flags}`,
      ...(sdp === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${sdp.length}`,
    ];
    return this.#exchange(`${head.join('\r\n')}\r\n\r\n${sdp}`, waitMs);
  }
}

/** Sends a request and waits for the final reply with its CSeq; undefined if there was none. */
type Exchange = (text: string, waitMs?: number) => Promise<string | undefined>;

async function exchanger(address: string, port: number): Promise<Exchange> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  socket.on('error', () => {});
  onTestFinished(() => void socket.close());
  const replies = new Map<string, string>();
  socket.on('message', (datagram) => {
    const text = datagram.toString('latin1');
    replies.set(cseqOf(text), text);
  });
  return async (text, waitMs) => {
    socket.send(Buffer.from(text, 'latin1'), port, address);
    return until('a reply', () => replies.get(cseqOf(text)), waitMs).catch(() => undefined);
  };
}

function cseqOf(text: string): string {
  return /^CSeq: (.*)\r$/m.exec(text)?.[1] ?? '';
}
