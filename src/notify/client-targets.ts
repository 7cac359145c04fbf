import { createHash } from 'node:crypto';
import type { Notice } from '../call/notice.js';
import { callbackUrl } from './callback-url.js';
import { DatagramWire } from './datagram-wire.js';
import type { QueueEvents, QueueLimits } from './delivery-queue.js';
import { parseLineTarget } from './line-target.js';
import { noticeId } from './notice-json.js';
import { StreamWire } from './stream-wire.js';
import { Targets, type Wire } from './targets.js';
import { type XmlrpcFormat, xmlrpcBodies } from './xmlrpc.js';

export type ClientTargetsParts = {
  readonly limits: QueueLimits;
  readonly events: (target: string) => QueueEvents;
  readonly now: () => number;
  /** For `xmlrpc:` targets. */
  readonly xmlrpc: { readonly targets: Targets; readonly format: XmlrpcFormat };
};

/** Tells the targets that clients of the rtpproxy protocol name for a session. */
export class ClientTargets {
  readonly #parts: ClientTargetsParts;
  readonly #lines: Targets;
  #keys = 0;

  constructor(parts: ClientTargetsParts) {
    this.#parts = parts;
    const { limits, events, now } = parts;
    this.#lines = new Targets({ limits, events, now, open: openLines });
  }

  get waiting(): number {
    return this.#lines.waiting;
  }

  /** That the session which the tag stands for has ended. */
  tellEnd(target: string, tag: string, notice: Notice): void {
    const { callId, event } = notice;
    if (target.startsWith(XMLRPC)) {
      const { targets, format } = this.#parts.xmlrpc;
      const url = callbackUrl(target.slice(XMLRPC.length), notice);
      for (const [index, body] of xmlrpcBodies(format, notice).entries()) {
        targets.send(url, { id: `${noticeId(notice)}/${index}`, callId, event, body, headers: XML });
      }
      return;
    }
    const id = createHash('sha256')
      .update(`${noticeId(notice)} ${tag}`, 'latin1')
      .digest('base64');
    this.#lines.send(target, { id, callId, event, body: line(tag), headers: {} });
  }

  /** A line of its own each time, also if it is the same key again. */
  tellKey(target: string, text: string, callId: string): void {
    this.#keys += 1;
    const id = `key ${this.#keys}`;
    this.#lines.send(target, { id, callId, event: 'key', body: line(text), headers: {}, isPrompt: true });
  }

  close(): void {
    this.#lines.close();
  }
}

function openLines(target: string): Wire | string {
  const parsed = parseLineTarget(target);
  if (parsed === undefined) return 'takes no lines';
  return parsed.kind === 'stream' ? new StreamWire(parsed.to) : new DatagramWire(parsed.to);
}

function line(text: string): Buffer {
  return Buffer.from(`${text}\n`, 'latin1');
}

const XMLRPC = 'xmlrpc:';
const XML = { 'Content-Type': 'text/xml' };
