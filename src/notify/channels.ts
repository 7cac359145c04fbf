import { appendFile } from 'node:fs';
import { endedByItself, type Notice } from '../call/notice.js';
import type { NotifyConfig } from '../config/schema.js';
import type { Events } from '../observability/events.js';
import { callbackUrl } from './callback-url.js';
import type { Delivery, QueueEvents, QueueLimits } from './delivery-queue.js';
import { HttpTargets } from './http-targets.js';
import { jsonrpcBodies, judgeJsonrpc } from './jsonrpc.js';
import { noticeId } from './notice-json.js';
import { judgeWebhook, webhookDelivery } from './webhook.js';
import { judgeXmlrpc, xmlrpcBodies } from './xmlrpc.js';

/** One way out for notices. */
export type Channel = {
  tell(notice: Notice): void;
  /** Deliveries that are not done yet. */
  readonly waiting: number;
  close(): void;
};

export type ChannelParts = {
  readonly events: Pick<Events, 'noticeDelivered' | 'noticeLost' | 'deadLetterUnwritten'>;
  readonly node: string;
  readonly now: () => number;
};

/** What the configuration asks for. */
export function configuredChannels(config: NotifyConfig, parts: ChannelParts): readonly Channel[] {
  const { xmlrpc, jsonrpc, webhook } = config;
  return [
    ...(xmlrpc === null ? [] : [xmlrpcChannel(xmlrpc, parts)]),
    ...(jsonrpc === null ? [] : [jsonrpcChannel(jsonrpc, parts)]),
    ...(webhook === null ? [] : [webhookChannel(webhook, parts)]),
  ];
}

function xmlrpcChannel(
  { url, format }: NonNullable<NotifyConfig['xmlrpc']>,
  { events, now }: ChannelParts,
): Channel {
  const targets = new HttpTargets({
    limits: PROXY_LIMITS,
    judge: judgeXmlrpc,
    events: (target) => logged(target, events),
    now,
  });
  return proxyChannel(targets, url, 'text/xml', (notice) => xmlrpcBodies(format, notice));
}

function jsonrpcChannel(
  { url }: NonNullable<NotifyConfig['jsonrpc']>,
  { events, now }: ChannelParts,
): Channel {
  const targets = new HttpTargets({
    limits: PROXY_LIMITS,
    judge: judgeJsonrpc,
    events: (target) => logged(target, events),
    now,
  });
  return proxyChannel(targets, url, 'application/json', jsonrpcBodies);
}

/** Proxies hear of calls that ended by themselves, to end the dialogue. */
function proxyChannel(
  targets: HttpTargets,
  url: string,
  contentType: string,
  bodies: (notice: Notice) => readonly Buffer[],
): Channel {
  return {
    tell(notice) {
      if (!endedByItself(notice.event)) return;
      const { callId, event } = notice;
      const id = noticeId(notice);
      const headers = { 'Content-Type': contentType };
      for (const [index, body] of bodies(notice).entries()) {
        targets.send(callbackUrl(url, notice), { id: `${id}/${index}`, callId, event, body, headers });
      }
    },
    get waiting() {
      return targets.waiting;
    },
    close: () => targets.close(),
  };
}

function webhookChannel(
  { url, secret, events: wanted, deadLetterFile }: NonNullable<NotifyConfig['webhook']>,
  { events, node, now }: ChannelParts,
): Channel {
  const lost = (delivery: Delivery, reason: string): void => {
    const letter = delivery.body.toString();
    events.noticeLost(nameOf(url), delivery, reason, letter);
    if (deadLetterFile === null) return;
    appendFile(deadLetterFile, `${letter}\n`, (error) => {
      if (error) events.deadLetterUnwritten(error);
    });
  };
  const targets = new HttpTargets({
    limits: WEBHOOK_LIMITS,
    judge: judgeWebhook,
    events: (target) => ({ ...logged(target, events), lost }),
    now,
  });
  return {
    tell(notice) {
      if (wanted.includes(notice.event)) targets.send(url, webhookDelivery(notice, { node, secret }));
    },
    get waiting() {
      return targets.waiting;
    },
    close: () => targets.close(),
  };
}

function logged(url: string, events: ChannelParts['events']): QueueEvents {
  const target = nameOf(url);
  return {
    delivered: (delivery, remark) => events.noticeDelivered(target, delivery, remark),
    lost: (delivery, reason) => events.noticeLost(target, delivery, reason),
  };
}

/** Without what may be secret. */
function nameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

/** 1, 2, 4 … seconds. */
function doubling(firstMs: number, longestMs: number): (failures: number) => number {
  return (failures) => Math.min(firstMs * 2 ** (failures - 1), longestMs);
}

/** A proxy that is back within two minutes still has the dialogues. */
const PROXY_LIMITS: QueueLimits = {
  concurrency: 8,
  capacity: 10_000,
  attempts: 3,
  maxAgeMs: 120_000,
  pauseMs: doubling(500, 10_000),
};

const WEBHOOK_LIMITS: QueueLimits = {
  concurrency: 16,
  capacity: 10_000,
  attempts: 8,
  maxAgeMs: 600_000,
  pauseMs: doubling(1_000, 60_000),
};
