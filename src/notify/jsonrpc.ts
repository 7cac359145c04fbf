import type { Notice } from '../call/notice.js';
import type { Outcome } from './delivery-queue.js';
import type { HttpResponse } from './http-post.js';
import { utf8 } from './notice-json.js';
import { saysUnknownDialogue } from './xmlrpc.js';

/** Ends each dialogue of the call, with Kamailio's JSON-RPC. */
export function jsonrpcBodies({ callId, dialogues }: Notice): readonly Buffer[] {
  return dialogues.map(({ fromTag, toTag }, index) =>
    Buffer.from(
      JSON.stringify({
        jsonrpc: '2.0',
        method: 'dlg.terminate_dlg',
        params: [callId, fromTag, toTag].map(utf8),
        id: index + 1,
      }),
    ),
  );
}

export function judgeJsonrpc({ status, body }: HttpResponse): Outcome {
  const message = errorMessage(body);
  if (message !== undefined && saysUnknownDialogue(message)) return { kind: 'done' };
  if (message !== undefined) return { kind: 'refused', reason: message.slice(0, 200), forGood: false };
  if (status < 300) return { kind: 'done' };
  return { kind: 'refused', reason: `HTTP status ${status}`, forGood: false };
}

function errorMessage(body: string): string | undefined {
  try {
    const reply: unknown = JSON.parse(body);
    if (typeof reply !== 'object' || reply === null || !('error' in reply)) return undefined;
    const { error } = reply;
    if (typeof error !== 'object' || error === null || !('message' in error)) return 'error';
    return String(error.message);
  } catch {
    return undefined;
  }
}
