/** An RTCP packet (RFC 3550 §6.4): `count` as in its first byte, then its 32-bit words behind the header. */
export function rtcp(type: number, count: number, ...words: readonly number[]): Buffer {
  const packet = Buffer.alloc(4 + words.length * 4);
  packet[0] = 0x80 | count;
  packet[1] = type;
  packet.writeUInt16BE(words.length, 2);
  for (const [at, word] of words.entries()) packet.writeUInt32BE(word >>> 0, 4 + at * 4);
  return packet;
}
