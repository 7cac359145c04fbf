import { appendFile } from 'node:fs';
import { endedByItself, type Notice } from '../call/notice.js';
import type { NotifyConfig } from '../config/schema.js';
import type { Events } from '../observability/events.js';
import { callbackUrl } from './callback-url.js';
import { ClientTargets } from './client-targets.js';
import type { Delivery, Outcome, QueueEvents, QueueLimits } from './delivery-queue.js';
import type { HttpResponse } from './http-post.js';
import { httpWire } from './http-wire.js';
import { jsonrpcBodies, judgeJsonrpc } from './jsonrpc.js';
import { noticeId } from './notice-json.js';
import { Targets } from './targets.js';
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

/** What the configuration asks for, and the targets that clients may name. */
export function openChannels(
  config: NotifyConfig,
  parts: ChannelParts,
): { readonly channels: readonly Channel[]; readonly clientTargets: ClientTargets } {
  const { xmlrpc, jsonrpc, webhook } = config;
  const { events, now } = parts;
  // One queue for a URL, so that who is named by both is told once.
  const xmlrpcTargets = httpTargets(PROXY_LIMITS, judgeXmlrpc, parts);
  const channels = [
    // Without a URL of its own it is there for those that clients name.
    proxyChannel(xmlrpcTargets, xmlrpc?.url, 'text/xml', (notice) =>
      xmlrpcBodies(xmlrpc?.format ?? 'dialog', notice),
    ),
    ...(jsonrpc === null ? [] : [jsonrpcChannel(jsonrpc, parts)]),
    ...(webhook === null ? [] : [webhookChannel(webhook, parts)]),
  ];
  const clientTargets = new ClientTargets({
    limits: LINE_LIMITS,
    events: (target) => logged(target, events),
    now,
    xmlrpc: { targets: xmlrpcTargets, format: xmlrpc?.format ?? 'dialog' },
  });
  return { channels, clientTargets };
}

function jsonrpcChannel({ url }: NonNullable<NotifyConfig['jsonrpc']>, parts: ChannelParts): Channel {
  const targets = httpTargets(PROXY_LIMITS, judgeJsonrpc, parts);
  return proxyChannel(targets, url, 'application/json', jsonrpcBodies);
}

function httpTargets(
  limits: QueueLimits,
  judge: (response: HttpResponse) => Outcome,
  { events, now }: ChannelParts,
): Targets {
  return new Targets({
    limits,
    open: (url) => httpWire(url, { judge, connections: limits.concurrency }),
    events: (target) => logged(target, events),
    now,
  });
}

/** Proxies hear of calls that ended by themselves, to end the dialogue. */
function proxyChannel(
  targets: Targets,
  url: string | undefined,
  contentType: string,
  bodies: (notice: Notice) => readonly Buffer[],
): Channel {
  return {
    tell(notice) {
      if (url === undefined || !endedByItself(notice.event)) return;
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
  const open = (target: string) =>
    httpWire(target, { judge: judgeWebhook, connections: WEBHOOK_LIMITS.concurrency });
  const targets = new Targets({
    limits: WEBHOOK_LIMITS,
    open,
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
  return /^https?:/.test(url) && URL.canParse(url) ? new URL(url).origin : url;
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

/** As for a proxy; lines are answered by nothing, so that many are under way at a time. */
const LINE_LIMITS: QueueLimits = { ...PROXY_LIMITS, concurrency: 2_000 };

const WEBHOOK_LIMITS: QueueLimits = {
  concurrency: 16,
  capacity: 10_000,
  attempts: 8,
  maxAgeMs: 600_000,
  pauseMs: doubling(1_000, 60_000),
};
