/** What a receiver reports of one source (RFC 3550 §6.4.1). */
export type ReportBlock = {
  readonly ssrc: number;
  /** In 1/256 since the last report. */
  readonly fractionLost: number;
  readonly lost: number;
  readonly highestSequence: number;
  /** In units of the RTP clock. */
  readonly jitter: number;
};

/** Counts the packets of one source as RFC 3550 A.1, A.3 and A.8 do it. */
export class Receiver {
  received = 0;
  #ssrc: number | undefined;
  #base = 0;
  #highest = 0;
  #jitter = 0;
  #transit: number | undefined;
  #expectedBefore = 0;
  #receivedBefore = 0;

  count(packet: Buffer, nowMs: number): void {
    const sequence = packet.readUInt16BE(2);
    if (this.#ssrc === undefined) {
      this.#ssrc = packet.readUInt32BE(8);
      this.#base = sequence;
      this.#highest = sequence;
    }
    // Reordering is at most some packets: a distance beyond half the range is a wrap.
    const ahead = ((sequence - this.#highest + 0x18000) & 0xffff) - 0x8000;
    if (ahead > 0) this.#highest += ahead;
    this.received += 1;
    const transit = nowMs * CLOCK_PER_MS - packet.readUInt32BE(4);
    if (this.#transit !== undefined) {
      this.#jitter += (Math.abs(transit - this.#transit) - this.#jitter) / 16;
    }
    this.#transit = transit;
  }

  /** What happened since the last report; undefined before the first packet. */
  report(): ReportBlock | undefined {
    if (this.#ssrc === undefined) return undefined;
    const expected = this.#highest - this.#base + 1;
    const expectedNow = expected - this.#expectedBefore;
    const lostNow = expectedNow - (this.received - this.#receivedBefore);
    this.#expectedBefore = expected;
    this.#receivedBefore = this.received;
    return {
      ssrc: this.#ssrc,
      fractionLost: lostNow > 0 && expectedNow > 0 ? Math.floor((lostNow * 256) / expectedNow) : 0,
      lost: Math.max(0, expected - this.received),
      highestSequence: this.#highest,
      jitter: Math.round(this.#jitter),
    };
  }
}

const CLOCK_PER_MS = 8;
