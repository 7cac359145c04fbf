import { parseListenAddress } from './addresses.js';
import { NOTICE_EVENTS, type NoticeEvent } from '../call/notice.js';
import { boolean, choice, finish, list, mistake, type Section, shown, subsection, text } from './fields.js';
import type { NotifyConfig } from './schema.js';

export function decodeNotify(notify: Section): NotifyConfig {
  const decoded = {
    xmlrpc: decodeXmlrpc(subsection(notify, 'xmlrpc')),
    jsonrpc: decodeJsonrpc(subsection(notify, 'jsonrpc')),
    webhook: decodeWebhook(subsection(notify, 'webhook')),
    ngTcp: boolean(notify, 'ngTcp', false),
    dtmf: decodeDtmf(subsection(notify, 'dtmf')),
  };
  finish(notify);
  return decoded;
}

function decodeXmlrpc(section: Section): NotifyConfig['xmlrpc'] {
  const url = urlOf(section);
  const format = choice(section, 'format', ['sems', 'callId', 'dialog'], 'dialog');
  finish(section);
  return url === undefined ? null : { url, format };
}

function decodeJsonrpc(section: Section): NotifyConfig['jsonrpc'] {
  const url = urlOf(section);
  finish(section);
  return url === undefined ? null : { url };
}

function decodeWebhook(section: Section): NotifyConfig['webhook'] {
  const url = urlOf(section);
  const secret = text(section, 'secret');
  const events = eventsOf(section);
  const deadLetterFile = text(section, 'deadLetterFile') ?? null;
  finish(section);
  if (url === undefined) return null;
  if (url.includes('%%')) mistake(section, 'url', '%% is for SIP proxies only');
  if (secret === undefined) mistake(section, 'secret', 'is needed, to sign what is sent');
  return { url, secret: secret ?? '', events, deadLetterFile };
}

function decodeDtmf(section: Section): NotifyConfig['dtmf'] {
  const target = text(section, 'udp');
  const udp = target === undefined ? null : (parseListenAddress(target) ?? null);
  if (target !== undefined && udp === null) {
    mistake(section, 'udp', `${target} is not an address with a port, such as 192.0.2.1:3333`);
  }
  const decoded = {
    udp,
    ngTcp: boolean(section, 'ngTcp', false),
    events: boolean(section, 'events', false),
    log: boolean(section, 'log', false),
  };
  finish(section);
  return decoded;
}

function urlOf(section: Section): string | undefined {
  const url = text(section, 'url');
  if (url === undefined) return undefined;
  const example = url.replace('%%', '192.0.2.1');
  if (/^https?:\/\//i.test(url) && URL.canParse(example)) return url;
  mistake(section, 'url', `${url} is not a URL such as http://%%:5060/RPC2`);
  return undefined;
}

function eventsOf(section: Section): readonly NoticeEvent[] {
  const items = list(section, 'events');
  if (items === undefined) return NOTICE_EVENTS;
  return items.flatMap(({ value, path }) => {
    const written = value.kind === 'scalar' ? value.value : undefined;
    const event = NOTICE_EVENTS.find((one) => one === written);
    if (event !== undefined) return [event];
    const among = `${shown(value)} is not one of ${NOTICE_EVENTS.join(', ')}`;
    section.mistakes.push({ where: value.where, path, text: among });
    return [];
  });
}
