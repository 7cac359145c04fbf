import { decimalUpTo } from './attributes.js';
import type { Line } from './model.js';

/**
 * Bits per second for RTCP as the `b=` lines have it (RFC 3556 §2): what they name, else a twentieth of the session's
 * (RFC 3550 §6.2). `undefined` if they say nothing; 0 if there is to be no RTCP.
 */
export function rtcpBandwidth(media: readonly Line[], session: readonly Line[]): number | undefined {
  if (media.length === 0 && session.length === 0) return undefined;
  const named = (name: string) => bitsNamed(media, name) ?? bitsNamed(session, name);
  const senders = named('RS');
  const receivers = named('RR');
  const kilobits = bitsNamed(media, 'AS');
  const whole = bitsNamed(media, 'TIAS') ?? (kilobits === undefined ? undefined : kilobits * 1000);
  if (senders === undefined && receivers === undefined) {
    return whole === undefined ? undefined : Math.trunc(whole / 20);
  }
  const twentieth = (whole ?? DEFAULT_BPS) / 20;
  return Math.trunc((senders ?? twentieth / 4) + (receivers ?? (twentieth * 3) / 4));
}

function bitsNamed(lines: readonly Line[], name: string): number | undefined {
  const line = lines.find(({ value }) => value.startsWith(`${name}:`));
  return line && decimalUpTo(line.value.slice(name.length + 1).trim(), MOST_BPS);
}

/** A telephone call's. */
const DEFAULT_BPS = 64_000;
const MOST_BPS = 4_000_000_000;
