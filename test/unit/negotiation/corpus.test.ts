import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNg } from '../../../src/control/ng/decode.js';
import { parseSdp } from '../../../src/sdp/parse.js';
import { CallDriver, type Outcome } from '../../support/case/call-driver.js';
import { factsOf } from '../../support/case/proxy-facts.js';
import { sdpCorpus } from '../../support/sdp-corpus.js';

const CORPUS = sdpCorpus();

describe('negotiating SDP of the field', () => {
  it.each(CORPUS)('$name: offered and answered with itself, it comes out as SDP', ({ text }) => {
    const driver = new CallDriver(factsOf(''));
    for (const outcome of [offer(driver, text, 'ICE=remove'), answer(driver, text, 'ICE=remove')]) {
      if (outcome.kind === 'refused') expect(outcome.message).not.toBe('');
      else expect(parseSdp(outcome.sdp ?? '')).toMatchObject({ ok: true });
    }
  });

  it.each(CORPUS)('$name: no address of the sender is left where packets could go', ({ text }) => {
    const outcome = offer(new CallDriver(factsOf('')), text, 'ICE=remove replace=origin');
    if (outcome.kind === 'refused') return;
    const parsed = parseSdp(outcome.sdp ?? '');
    if (!parsed.ok) throw new Error(parsed.reason);
    for (const media of parsed.description.medias) {
      // Media over TCP goes its own way, by agreement.
      if (media.protocol.startsWith('TCP/')) continue;
      const lines = media.lines.filter(
        ({ type, value }) => type === 'c' || /^(?:rtcp|candidate):/.test(value),
      );
      for (const { value } of lines)
        expect(value).toMatch(/203\.0\.113\.5|2001:db8::5|0\.0\.0\.0|::$|^rtcp:\d+$/);
    }
  });

  it.each(CORPUS.filter(({ name }) => !PECULIAR.has(name)))(
    '$name: without flags only what the proxy owns is another than it was',
    ({ text }) => {
      const outcome = offer(new CallDriver(factsOf('')), text, '');
      const [before, after] = [text, sdpOf(outcome)].map(notOwned);
      expect(after).toEqual(before);
    },
  );

  it.each(CORPUS.filter(({ name }) => !PECULIAR.has(name)))(
    '$name: an answer without flags differs in nothing else either',
    ({ text }) => {
      const driver = new CallDriver(factsOf(''));
      offer(driver, text, '');
      const [before, after] = [text, sdpOf(answer(driver, text, ''))].map(notOwned);
      expect(after).toEqual(before);
    },
  );

  it.each(CORPUS.filter(({ name }) => /^(?:chromium|firefox)/.test(name)))(
    '$name: the bundle of a browser is taken apart and put together again',
    ({ text }) => {
      const driver = new CallDriver(factsOf(''));
      const flags = 'bundle=[accept] ICE=remove transport-protocol=RTP/AVP rtcp-mux=[demux]';
      const offered = sdpOf(offer(driver, text, flags));
      const opened = portsOf(offered).filter((port) => port !== '0');
      expect(new Set(opened).size).toBe(opened.length);
      expect(offered).not.toContain('BUNDLE');
      const answered = sdpOf(answer(driver, offered, ''));
      const group = /^a=group:BUNDLE (.*)\r$/m.exec(answered)?.[1]?.split(' ') ?? [];
      const rtp = portsOf(answered.replaceAll(/^m=application.*$/gm, ''));
      expect(group.length).toBe(rtp.length);
      expect(new Set(rtp).size).toBe(1);
      expect(answered.split('a=ice-pwd:').length - 1).toBe(1);
    },
  );

  it('never throws, whatever order offers and answers come in', () => {
    const step = fc.record({
      kind: fc.constantFrom('offer' as const, 'answer' as const),
      entry: fc.constantFrom(...CORPUS),
      tags: fc.constantFrom('a-', 'ab', 'ba', 'ac', 'ca', 'aa'),
      branch: fc.constantFrom('', ' via-branch=br1', ' via-branch=br2'),
      flags: fc.constantFrom(
        '',
        'ICE=remove',
        'rtcp-mux=demux',
        'codec-strip-all codec-offer-PCMA',
        'port-latching replace=[origin SDP-version]',
        'direction=[priv pub]',
        'address-family=IP6 transport-protocol=RTP/AVP',
        'bundle=[accept]',
        'bundle=[accept offer]',
        'bundle=[require] SDES=off',
        'bundle=[accept strict] generate-mid',
        'bundle=[reject]',
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const driver = new CallDriver(factsOf(''));
        for (const { kind, entry, tags, branch, flags } of steps) {
          const [from = 'a', to = '-'] = tags;
          driver.execute(command(kind, entry.text, flags + branch, from, to === '-' ? undefined : to));
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** What each section says that is not the proxy's to say, in any order; the media line without its port. */
function notOwned(sdp: string): readonly (readonly string[])[] {
  const sections = sdp
    .split(/^(?=m=)/m)
    .map((section) => section.split(/\r?\n/).filter((line) => line !== ''));
  return sections.map((lines) =>
    lines
      .filter((line) => !OWNED.test(line) && !STATIC_RTPMAP.test(line))
      .map((line) => line.replace(/^(m=\S+) \d+(?:\/\d+)?/, '$1 (port)').trimEnd())
      .sort(),
  );
}

/** Addresses, ports, keys, ICE and the grouping of ports; and what is said of a direction that is the default. */
const OWNED =
  /^(?:c=|t=0 0$|a=(?:rtcp|rtcp-mux|candidate|remote-candidates|end-of-candidates|ice-\w+|crypto|fingerprint|setup|tls-id|group:BUNDLE.*|bundle-only|sendrecv|extmap-allow-mixed)(?::|$))/;
/** RFC 3551 says the same. */
const STATIC_RTPMAP = /^a=rtpmap:(?:[0-9]|1[0-9]|2[568]|3[1-4]) /;
/** Bodies with lines nobody can make sense of, which do not come out, and with old ways to say something. */
const PECULIAR: ReadonlySet<string> = new Set([
  ...['weird-broken-attributes', 'weird-empty-values', 'weird-order'],
  // A direction of the session is written in each section, a hold by address is said in words.
  ...['multicast', 'hold-old-style'],
]);

function sdpOf(outcome: Outcome): string {
  if (outcome.kind === 'refused') throw new Error(outcome.message);
  return outcome.sdp ?? '';
}

function portsOf(sdp: string): string[] {
  return [...sdp.matchAll(/^m=\w+ (\d+)/gm)].map(([, port]) => port ?? '');
}

function offer(driver: CallDriver, sdp: string, flags: string): Outcome {
  return driver.execute(command('offer', sdp, flags, 'alice', undefined));
}

function answer(driver: CallDriver, sdp: string, flags: string): Outcome {
  return driver.execute(command('answer', sdp, flags, 'alice', 'bob'));
}

function command(kind: 'offer' | 'answer', sdp: string, flags: string, from: string, to: string | undefined) {
  const entries: [string, string][] = [
    ['command', kind],
    ['call-id', 'call@example.org'],
    ['from-tag', from],
    ['sdp', sdp],
    ['rtpp-flags', flags],
  ];
  if (to !== undefined) entries.push(['to-tag', to]);
  return decodeNg(new Map(entries)).command;
}
