import type { Notice } from '../call/notice.js';
import type { Outcome } from './delivery-queue.js';
import type { HttpResponse } from './http-post.js';

/** `sems`: a call for each party; `callId`: one for the call; `dialog`: one for each pair of parties, for Kamailio. */
export type XmlrpcFormat = 'sems' | 'callId' | 'dialog';

export function xmlrpcBodies(format: XmlrpcFormat, { callId, tags, dialogues }: Notice): readonly Buffer[] {
  switch (format) {
    case 'sems':
      return tags.map((tag) => methodCall('di', ['sbc', 'postControlCmd', tag, 'teardown']));
    case 'callId':
      return [methodCall('teardown', [callId])];
    case 'dialog':
      return dialogues.map(({ fromTag, toTag }) => methodCall('dlg.terminate_dlg', [callId, fromTag, toTag]));
  }
}

/** Any answer counts, but a fault that says something else than that there is no such dialogue. */
export function judgeXmlrpc({ status, body }: HttpResponse): Outcome {
  if (body.includes('<fault>') && !saysUnknownDialogue(body)) {
    return { kind: 'refused', reason: faultText(body), forGood: false };
  }
  return status < 300 ? { kind: 'done' } : { kind: 'done', remark: `HTTP status ${status}` };
}

/** Kamailio spells it in several ways, depending on version and function. */
export function saysUnknownDialogue(text: string): boolean {
  return /dialog not found|could\s?n'?t find callid in dialog/i.test(text);
}

function methodCall(method: string, parameters: readonly string[]): Buffer {
  const values = parameters.map((text) => `<param><value><string>${escaped(text)}</string></value></param>`);
  const call = `<methodCall><methodName>${method}</methodName><params>${values.join('')}</params></methodCall>`;
  return Buffer.from(`<?xml version="1.0"?>\n${call}\n`, 'latin1');
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function faultText(body: string): string {
  const text = /faultString<\/name>\s*<value>(?:<string>)?([^<]*)/.exec(body)?.[1]?.trim();
  return text === undefined || text === '' ? 'fault' : text.slice(0, 200);
}
