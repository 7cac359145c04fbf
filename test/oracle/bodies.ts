import type { Command } from '../support/oracle.js';
import type { NgDictionary } from '../support/oracle-ng-client.js';

/** SDP bodies and commands the conversations are made of. A talks from 198.51.100.10, B from 198.51.100.20. */
export const A = '198.51.100.10';
export const B = '198.51.100.20';
export const A6 = '2001:db8::10';

export type Body = {
  readonly address?: string;
  readonly origin?: string;
  readonly version?: number;
  /** Lines between t= and the first m=. */
  readonly session?: readonly string[];
  /** Whether there is a c= line in the session part; yes unless said otherwise. */
  readonly connection?: boolean;
  /** One list of lines for each m-line. */
  readonly media: readonly (readonly string[])[];
};

export function body(parts: Body): string {
  const address = parts.address ?? A;
  const family = address.includes(':') ? 'IP6' : 'IP4';
  const lines = [
    'v=0',
    `o=${parts.origin ?? 'alice'} 1 ${parts.version ?? 1} IN ${family} ${address}`,
    's=call',
    ...(parts.connection === false ? [] : [`c=IN ${family} ${address}`]),
    't=0 0',
    ...(parts.session ?? []),
    ...parts.media.flat(),
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

/** One audio m-line with PCMU and PCMA. */
export function audio(port: number, ...attributes: readonly string[]): string[] {
  return [`m=audio ${port} RTP/AVP 0 8`, 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:8 PCMA/8000', ...attributes];
}

export function video(port: number, ...attributes: readonly string[]): string[] {
  return [
    `m=video ${port} RTP/AVP 97`,
    'a=rtpmap:97 H264/90000',
    'a=fmtp:97 profile-level-id=42e01f',
    ...attributes,
  ];
}

/** A's ordinary audio. */
export const AUDIO = body({ media: [audio(4000)] });
/** B's ordinary audio. */
export const AUDIO_B = body({ address: B, origin: 'bob', media: [audio(5000)] });

/** An offer of A in a dialogue that B has not joined yet. */
export function offer(sdp: string, keys: NgDictionary = {}): Command {
  return { command: 'offer', 'from-tag': 'a', sdp, ...keys };
}

export function answer(sdp: string = AUDIO_B, keys: NgDictionary = {}): Command {
  return { command: 'answer', 'from-tag': 'a', 'to-tag': 'b', sdp, ...keys };
}

/** An offer of A within the dialogue. */
export function reoffer(sdp: string, keys: NgDictionary = {}): Command {
  return { command: 'offer', 'from-tag': 'a', 'to-tag': 'b', sdp, ...keys };
}

/** An offer of B within the dialogue, and A's answer to it. */
export function offerBack(sdp: string, keys: NgDictionary = {}): Command {
  return { command: 'offer', 'from-tag': 'b', 'to-tag': 'a', sdp, ...keys };
}

export function answerBack(sdp: string, keys: NgDictionary = {}): Command {
  return { command: 'answer', 'from-tag': 'b', 'to-tag': 'a', sdp, ...keys };
}
