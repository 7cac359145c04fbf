import type { ServerResponse } from 'node:http';
import type { KeyPress } from '../call/keys.js';
import type { Notice } from '../call/notice.js';
import type { Channel } from '../notify/channels.js';
import { keyJson } from '../notify/key-json.js';
import { noticeJson, utf8 } from '../notify/notice-json.js';

/** Server-sent events (WHATWG HTML, section 9.2): each notice goes to everybody who listens now. */
export class EventStream implements Channel {
  readonly waiting = 0;
  readonly #node: string;
  readonly #dropped: (notices: number) => void;
  readonly #listeners = new Set<ServerResponse>();
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(node: string, dropped: (notices: number) => void) {
    this.#node = node;
    this.#dropped = dropped;
  }

  attach(response: ServerResponse): void {
    if (this.#listeners.size >= MAX_LISTENERS) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(': listening\n\n');
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
    this.#heartbeat ??= setInterval(() => this.#write(': alive\n\n'), HEARTBEAT_MS);
  }

  tell(notice: Notice): void {
    if (this.#listeners.size === 0) return;
    const json = noticeJson(notice, this.#node);
    this.#write(`id: ${json.id}\nevent: ${json.event}\ndata: ${JSON.stringify(json)}\n\n`);
  }

  tellKey(press: KeyPress): void {
    if (this.#listeners.size === 0) return;
    this.#write(`event: dtmf\ndata: ${utf8(JSON.stringify(keyJson(press)))}\n\n`);
  }

  close(): void {
    clearInterval(this.#heartbeat);
    for (const response of this.#listeners) response.end();
  }

  /** Who does not read is cut off, and sees by that that something is missing. */
  #write(text: string): void {
    for (const response of this.#listeners) {
      if (response.writableLength > MAX_UNSENT_BYTES) {
        this.#dropped(1);
        response.destroy();
      } else {
        response.write(text);
      }
    }
  }
}

const MAX_LISTENERS = 64;
const MAX_UNSENT_BYTES = 1024 * 1024;
const HEARTBEAT_MS = 15_000;
