import type { Client, OfferCommand } from '../command/command.js';
import { Recent } from '../recent.js';

/** An offer as it came. */
export type Given = { readonly command: OfferCommand; readonly client: Client; readonly nowMs: number };

/**
 * Tells offers of a kind that may have come before from those of a kind that cannot, which need not be taken apart.
 * Those of one kind have one outline; not all with one outline are of one kind.
 */
export class Outlines {
  readonly #once = new Recent<Given>(MAX_ONCE);
  readonly #often = new Recent<true>(MAX_OFTEN);

  /**
   * Takes note of an offer. `'new'`: there was none like it; or the only one that was, the first time another comes;
   * later `undefined`.
   */
  note(given: Given): 'new' | Given | undefined {
    const { likeness = 0, sdp } = given.command;
    const key = `${likeness} ${outlineOf(sdp)}`;
    if (this.#often.get(key)) return undefined;
    const first = this.#once.get(key);
    if (first === undefined) this.#once.set(key, given);
    else this.#often.set(key, true);
    return first ?? 'new';
  }

  clear(): void {
    this.#once.clear();
    this.#often.clear();
  }
}

/** A hash of everything in a body but what may be a value. */
function outlineOf(body: string): number {
  let hash = body.length === 0 ? 0 : body.charCodeAt(0);
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf('\n', start);
    const next = newline < 0 ? body.length : newline + 1;
    for (let at = passedValue(body, start, next); at < next; at += 1)
      hash = (Math.imul(hash, PRIME) + body.charCodeAt(at)) | 0;
    hash = Math.imul(hash ^ body.charCodeAt(start), PRIME);
    start = next;
  }
  return hash;
}

/** Where a line goes on behind its values; its end if they are all it has. */
function passedValue(body: string, start: number, next: number): number {
  switch (body.charCodeAt(start)) {
    case LETTER_O:
    case LETTER_C:
      return next;
    case LETTER_M:
      return Math.min(next, body.indexOf(' ', body.indexOf(' ', start) + 1) + 1 || next);
    case LETTER_A:
      return hasValues(body, start + 2) ? next : start;
    default:
      return start;
  }
}

/** The attributes that values are taken from, as `cutProtected` and `bodyShape` do it. */
function hasValues(body: string, at: number): boolean {
  switch (body.charCodeAt(at)) {
    case LETTER_C:
      return body.startsWith('candidate:', at);
    case LETTER_F:
      return body.startsWith('fingerprint:', at);
    case LETTER_I:
      return body.startsWith('ice-ufrag:', at) || body.startsWith('ice-pwd:', at);
    case LETTER_M:
      return body.startsWith('msid', at);
    case LETTER_R:
      return body.startsWith('rtcp:', at);
    case LETTER_S:
      return body.startsWith('ssrc', at);
    case LETTER_T:
      return body.startsWith('tls-id:', at);
    default:
      return false;
  }
}

const PRIME = 0x0100_0193;
const LETTER_A = 0x61;
const LETTER_C = 0x63;
const LETTER_F = 0x66;
const LETTER_I = 0x69;
const LETTER_M = 0x6d;
const LETTER_O = 0x6f;
const LETTER_R = 0x72;
const LETTER_S = 0x73;
const LETTER_T = 0x74;

/** These hold their bodies. */
const MAX_ONCE = 256;
const MAX_OFTEN = 4_096;
