import { createHmac } from 'node:crypto';
import type { Notice } from '../call/notice.js';
import type { Delivery, Outcome } from './delivery-queue.js';
import type { HttpResponse } from './http-post.js';
import { noticeJson } from './notice-json.js';

export function webhookDelivery(
  notice: Notice,
  { node, secret }: { node: string; secret: string },
): Delivery {
  const json = noticeJson(notice, node);
  const body = Buffer.from(JSON.stringify(json));
  const headers = {
    'Content-Type': 'application/json',
    'X-Tandem-Event': notice.event,
    'X-Tandem-Signature': signature(body, secret),
  };
  return { id: json.id, callId: notice.callId, event: notice.event, body, headers };
}

/** What a receiver computes from the body as it came, and compares. */
export function signature(body: Buffer, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** A client error is the receiver's last word, unless it says that it wants to be asked again. */
export function judgeWebhook({ status }: HttpResponse): Outcome {
  if (status >= 200 && status < 300) return { kind: 'done' };
  const forGood = status >= 300 && status < 500 && !PASSING.has(status);
  return { kind: 'refused', reason: `HTTP status ${status}`, forGood };
}

/** Request timeout, too early, too many requests. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);
