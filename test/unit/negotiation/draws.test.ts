import { describe, expect, test } from 'vitest';
import { Draws } from '../../../src/negotiation/draws.js';
import { audio, Conversation, FACTS } from './sample.js';

/** Counts the requests for randomness of one offer. */
function requestsOf(flags: Parameters<Conversation['offer']>[1]): number {
  let requests = 0;
  const random = {
    bytes: (count: number) => {
      requests += 1;
      return Uint8Array.from({ length: count }, (_, index) => (index * 37) % 256);
    },
  };
  const certificate = { id: 'A1', former: [], fingerprints: [{ hash: 'sha-256', value: 'A1' }] };
  const capabilities = new Set(['srtp', 'ice'] as const);
  new Conversation({ ...FACTS, random, capabilities, certificate }).offer(audio(10, 4000), flags);
  return requests;
}

describe('randomness', () => {
  test('is not asked for by a plain offer', () => {
    expect(requestsOf({})).toBe(0);
  });

  test('is asked for once by an offer with keys for all suites, DTLS and ICE', () => {
    expect(requestsOf({ transportProtocol: 'RTP/SAVP', ice: 'force' })).toBe(1);
  });

  test('is never given out twice', () => {
    let state = 1;
    const next = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 16) % 256;
    };
    const draws = new Draws({ bytes: (count) => Uint8Array.from({ length: count }, next) });
    const values = Array.from({ length: 500 }, () => draws.hex(16));
    expect(new Set(values).size).toBe(values.length);
  });

  test('makes letters and digits of every kind', () => {
    let byte = 0;
    const draws = new Draws({
      bytes: (count) => Uint8Array.from({ length: count }, () => (byte = (byte + 1) % 256)),
    });
    const text = draws.alphanumeric(2_000);
    expect(text).toMatch(/^[A-Za-z0-9]{2000}$/);
    expect(new Set(text).size).toBe(62);
  });

  test('makes keys without padding', () => {
    const draws = new Draws({ bytes: (count) => new Uint8Array(count) });
    expect([28, 30, 44, 46].map((bytes) => draws.base64(bytes).length)).toEqual([38, 40, 59, 62]);
  });
});
