import { planText } from './plan-text.js';
import type { SessionPlan } from './protocol.gen.js';

/** A longer frame closes the connection: after it nothing on the stream can be trusted. */
export const MAX_FRAME = 4 * 1024 * 1024;

/** The stream cannot be followed any further. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** One frame: a length of four bytes in network byte order, then that many bytes of JSON. */
export function encodeFrame(message: unknown): Buffer {
  const text = JSON.stringify(message);
  const length = Buffer.byteLength(text);
  if (length > MAX_FRAME) throw new FrameError(`frame of ${length} bytes exceeds ${MAX_FRAME}`);
  const frame = Buffer.allocUnsafe(HEADER + length);
  frame.writeUInt32BE(length);
  frame.write(text, HEADER);
  return frame;
}

/** The same frame as text, one character a byte. */
export function encodeFrameText(message: unknown): string {
  return framedJson(JSON.stringify(message));
}

/** The frame that applies a plan, as text. */
export function encodePlanFrame(id: number, seen: number, plan: SessionPlan): string {
  return framedJson(planRequest(id, seen, planText(plan)));
}

/** The frame that applies a plan written before, in ASCII; as text, one character a byte. */
export function encodeWrittenFrame(id: number, seen: number, plan: string): string {
  return framed(planRequest(id, seen, plan));
}

function planRequest(id: number, seen: number, plan: string): string {
  return `{"id":${id},"seen":${seen},"request":{"kind":"apply","plan":${plan}}}`;
}

function framedJson(json: string): string {
  // As many bytes as characters: it is ASCII.
  return Buffer.byteLength(json) === json.length
    ? framed(json)
    : framed(Buffer.from(json).toString('latin1'));
}

/** `bytes`: one character each. */
function framed(bytes: string): string {
  const { length } = bytes;
  if (length > MAX_FRAME) throw new FrameError(`frame of ${length} bytes exceeds ${MAX_FRAME}`);
  return (
    String.fromCharCode(length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff) + bytes
  );
}

/** Reassembles frames from a byte stream. Chunks are joined once, when the frame they belong to is complete. */
export class FrameDecoder {
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes that have to be there before looking again makes sense. */
  #wanted = HEADER;

  /** Takes in what was read and returns the contents of the frames that are complete now. */
  push(chunk: Buffer): unknown[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered < this.#wanted) return [];
    return this.#read(this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks));
  }

  #read(bytes: Buffer): unknown[] {
    const messages: unknown[] = [];
    let start = 0;
    this.#wanted = HEADER;
    while (bytes.length - start >= HEADER) {
      const length = bytes.readUInt32BE(start);
      if (length > MAX_FRAME) throw new FrameError(`frame of ${length} bytes exceeds ${MAX_FRAME}`);
      const end = start + HEADER + length;
      if (end > bytes.length) {
        this.#wanted = HEADER + length;
        break;
      }
      messages.push(parse(bytes.toString('utf8', start + HEADER, end)));
      start = end;
    }
    this.#buffered = bytes.length - start;
    this.#chunks = this.#buffered > 0 ? [bytes.subarray(start)] : [];
    return messages;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FrameError(`frame is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const HEADER = 4;
