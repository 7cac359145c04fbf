import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNg } from '../../../src/control/ng/decode.js';
import type { Value } from '../../../src/control/ng/value.js';
import { answerTo } from '../../oracle/product/answerer.js';
import { CallDriver } from '../../support/case/call-driver.js';
import { factsOf } from '../../support/case/proxy-facts.js';
import { sdpCorpus } from '../../support/sdp-corpus.js';
import { faultsOf } from '../../support/sdp-invariants.js';

describe('a call with any flags and any body', () => {
  it('is told nothing that is no SDP, the same to the same question, and after a hold what it was told before', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CORPUS), flags(), flags(), (entry, ofOffers, ofAnswers) => {
        const call = new Conversation(ofOffers, ofAnswers);
        const first = call.offer(entry.text);
        if (first === undefined) return;
        expect(call.offer(entry.text)).toBe(first);
        const answered = call.answer(first);
        expect(call.answer(first)).toBe(answered);
        if (answered === undefined) return;
        const settled = call.reoffer(entry.text);
        expect(call.reoffer(held(entry.text))).toBeDefined();
        expect(withoutNew(call.reoffer(entry.text))).toBe(withoutNew(settled));
      }),
      RUNS,
    );
  });

  it('sees the version grow by one with each other body, and with no other', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CORPUS),
        flags(),
        fc.array(fc.boolean(), { maxLength: 6 }),
        (entry, any, holds) => {
          const call = new Conversation(`${any} replace=[SDP-version]`, any);
          const first = call.offer(entry.text);
          if (first === undefined || call.answer(first) === undefined) return;
          let before = first;
          for (const isHold of holds) {
            const told = call.reoffer(isHold ? held(entry.text) : entry.text);
            if (told === undefined) throw new Error('a repeated offer was refused');
            const step = withoutVersion(told) === withoutVersion(before) ? 0n : 1n;
            expect(versionOf(told) - versionOf(before)).toBe(step);
            before = told;
          }
        },
      ),
      RUNS,
    );
  });
});

/** Alice offers with one set of flags, Bob's answers come with another; every body told is looked at. */
class Conversation {
  readonly #driver = new CallDriver(factsOf(''));

  readonly #ofOffers: string;
  readonly #ofAnswers: string;

  constructor(ofOffers: string, ofAnswers: string) {
    this.#ofOffers = ofOffers;
    this.#ofAnswers = ofAnswers;
  }

  offer(sdp: string, toTag?: string): string | undefined {
    return this.#told('offer', sdp, this.#ofOffers, toTag);
  }

  answer(offer: string): string | undefined {
    return this.#told('answer', answerTo(offer), this.#ofAnswers, 'bob');
  }

  /** In the dialogue, and answered. */
  reoffer(sdp: string): string | undefined {
    const told = this.offer(sdp, 'bob');
    if (told !== undefined) this.answer(told);
    return told;
  }

  #told(command: string, sdp: string, flagString: string, toTag: string | undefined): string | undefined {
    const entries: [string, Value][] = [
      ['command', command],
      ['call-id', 'call@example.org'],
      ['from-tag', 'alice'],
      ...(toTag === undefined ? [] : [['to-tag', toTag] satisfies [string, Value]]),
      ['sdp', sdp],
      ['rtpp-flags', flagString],
    ];
    const outcome = this.#driver.execute(decodeNg(new Map(entries)).command);
    const told = outcome.kind === 'done' ? outcome.sdp : undefined;
    if (told !== undefined) expect(faultsOf(told)).toEqual([]);
    return told;
  }
}

/** Each stream is held by an attribute of its own, and the session has a new version. */
function held(sdp: string): string {
  return sdp
    .replace(/^a=(?:sendrecv|sendonly|recvonly|inactive)\r?\n/gm, '')
    .replace(/^(m=(?:audio|video|text) .*\r?\n(?:[ic]=.*\r?\n)*(?:b=.*\r?\n)*)/gm, '$1a=sendonly\r\n');
}

/** Suites that were not accepted are offered with new keys each time. */
function withoutNew(sdp: string | undefined): string | undefined {
  return sdp?.replace(/^a=crypto:.*\r\n/gm, '');
}

function withoutVersion(sdp: string): string {
  return sdp.replace(/^(o=\S+ \S+) \d+/m, '$1');
}

function versionOf(sdp: string): bigint {
  return BigInt(/^o=\S+ \S+ (\d+)/m.exec(sdp)?.[1] ?? '0');
}

/** At most one of each kind: two of a kind contradict each other. */
function flags(): fc.Arbitrary<string> {
  return fc
    .subarray(KINDS, { maxLength: 4 })
    .chain((kinds) => fc.tuple(...kinds.map((words) => fc.constantFrom(...words))))
    .map((words) => words.join(' '));
}

const KINDS: (readonly string[])[] = [
  ['SIP-source-address received-from=192.0.2.1', 'received-from=192.0.2.1'],
  ['asymmetric', 'strict-source', 'media-handover', 'NAT-wait', 'pierce-NAT'],
  ['port-latching', 'no-port-latching'],
  ['loop-protect'],
  ['original-sendrecv'],
  ['generate-mid'],
  ['strip-extmap', 'extmap=[strip=[all]]', 'extmap=[mask=[all]]'],
  ['no-rtcp-attribute', 'full-rtcp-attribute'],
  ['rtcp-mux=[offer]', 'rtcp-mux=[require]', 'rtcp-mux=[demux]', 'rtcp-mux=[accept]', 'rtcp-mux=[reject]'],
  ['trickle-ICE', 'reject-ICE', 'ICE=remove', 'ICE=force', 'ICE=[trickle ice2]'],
  ['ICE-lite=forward', 'ICE-lite=backward', 'ICE-lite=both'],
  ['single-codec', 'reuse-codecs', 'static-codecs'],
  ['codec-strip-all codec-offer-PCMA', 'codec-strip-PCMU', 'codec-strip-all codec-except-opus'],
  ['codec-ignore-PCMA', 'codec-ignore-opus', 'codec-strip-telephone-event'],
  [
    'pad-crypto',
    'SDES-lifetime',
    'SDES=[off]',
    'SDES-only-AES_CM_128_HMAC_SHA1_80',
    'SDES-nonew',
    'SDES-prefer',
  ],
  ['recrypt', 'no-tls-id', 'DTLS-fingerprint=sha-1'],
  ['OSRTP-accept', 'OSRTP-offer'],
  ['DTLS=passive', 'DTLS=active', 'DTLS=off'],
  ['transport-protocol=RTP/AVP', 'transport-protocol=RTP/AVPF', 'transport-protocol=RTP/SAVP'],
  ['generate-RTCP', 'block-DTMF', 'TOS=100', 'media-echo=forward', 'drop-traffic=start'],
  ['address-family=IP6', 'media-address=192.0.2.77', 'direction=[priv pub]', 'direction=[pub six]'],
  ['ptime=30', 'ptime-reverse=30'],
  ['bundle=[accept]', 'bundle=[offer]', 'bundle=[require]', 'bundle=[accept offer]', 'bundle=[reject]'],
  ['replace=[origin session-name username]', 'replace=[zero-address]'],
];

/** Always the same ones: what a run finds, the next one shows. */
const RUNS = { numRuns: Number(process.env.TANDEM_CONVERSATIONS ?? 40), seed: 1 };

/** Bodies with two attributes of a kind, or lines nobody may write, keep them. */
const CORPUS = sdpCorpus().filter(({ name }) => !/^weird|^multicast/.test(name));
