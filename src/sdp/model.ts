/**
 * An SDP body as data (RFC 8866), lossless: every line is kept, in order, so that what nobody touches goes out
 * byte by byte as it came in (line ends become CRLF, runs of spaces in `m=` lines one space). Text is one
 * character per byte (latin1). Strings cut from a body keep the whole body in memory: see `detach`.
 */

/** One line: `type` is the letter before `=`. */
export type Line = { readonly type: string; readonly value: string };

/** `v=` to the first `m=`, then the media descriptions. */
export type SessionDescription = {
  readonly lines: readonly Line[];
  readonly medias: readonly MediaDescription[];
};

/** One `m=` section (RFC 8866 §5.14). */
export type MediaDescription = {
  /** `audio`, `video`, `image`, … */
  readonly type: string;
  readonly port: number;
  /** The number behind the slash of the port, if any. */
  readonly portCount?: number;
  /** `RTP/AVP`, `udptl`, … as spelled. */
  readonly protocol: string;
  /** Payload types or other formats, as spelled. */
  readonly formats: readonly string[];
  /** What follows the `m=` line. */
  readonly lines: readonly Line[];
};
