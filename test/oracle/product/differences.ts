import type { Difference } from '../../support/oracle.js';
import type { Row } from './rows.js';

/** A difference that is meant wherever it shows. */
export type Expected = {
  readonly name: string;
  readonly reason: string;
  readonly matches: (difference: Difference, row: Row, shape: string) => boolean;
};

/** What the run found and is meant, listed in docs/compatibility.md. */
export const EXPECTED: readonly Expected[] = [
  {
    name: 'session-level address',
    reason:
      'each m-line has its own c= line, so none is needed for the session; 10.5 lets the original one through',
    matches: ({ fact, subject }) => fact === 'session.connection' && subject === undefined,
  },
  {
    name: 'DTLS that carries no RTP',
    reason: 'BFCP and data channels do DTLS between the parties; 10.5 drops their fingerprints',
    matches: ({ fact, oracle }, _, shape) =>
      fact.endsWith('.dtls') && oracle === undefined && NO_RTP.includes(shape),
  },
  {
    name: 'ICE of other protocols than RTP',
    reason: 'UDPTL, BFCP and data channels are relayed between the addresses told; 10.5 offers ICE for them',
    matches: ({ fact, subject }, _, shape) =>
      fact.endsWith('.ice') && subject === undefined && NO_RTP.includes(shape),
  },
  {
    name: 'keys for browsers',
    reason:
      'who is offered ICE and DTLS is offered no keys in SDP (RFC 8827 §6.5), even if the route does not say SDES-off',
    matches: ({ command, fact, subject }, row, shape) =>
      command === 'offer' &&
      fact.endsWith('.crypto') &&
      subject === undefined &&
      (shape.startsWith('chromium-') ||
        shape === 'firefox-offer' ||
        row.word.startsWith('transport-protocol: UDP/TLS/')),
  },
  {
    name: 'trickle placeholder',
    reason:
      'the address 0.0.0.0 with port 9 means that candidates follow (RFC 8840 §4.1.1); 10.5 takes it for a hold',
    matches: ({ fact, oracle }, row, shape) =>
      (fact.endsWith('.direction') && shape === 'firefox-offer') ||
      (fact.endsWith('.address') && oracle === 'IN IP4 0.0.0.0' && row.word === 'ICE: remove'),
  },
  {
    name: 'case of a profile',
    reason: 'the case of a profile name is kept',
    matches: ({ fact, oracle, subject }) =>
      fact.endsWith('.profile') && oracle?.toLowerCase() === subject?.toLowerCase(),
  },
  {
    name: 'hold by address, source of the SIP message',
    reason: 'who writes 0.0.0.0 is on hold, whether or not its addresses are believed; 10.5 forgets the hold',
    matches: ({ fact }, row, shape) =>
      row.word === 'SIP-source-address' && shape === 'hold-old-style' && /direction|address/.test(fact),
  },
  {
    name: 'identification of MSRP',
    reason: 'an m-line that is not relayed is not touched',
    matches: ({ fact }, row, shape) =>
      row.word === 'generate-mid' && shape === 'msrp' && fact.endsWith('.mid'),
  },
  {
    name: 'feedback in an answer that reuses codecs',
    reason: 'the answer has the feedback the answerer named; 10.5 repeats that of the offer',
    matches: ({ command, fact }, row) =>
      row.word === 'reuse-codecs' && command === 'answer' && fact.endsWith('.feedback'),
  },
  {
    name: 'version 0',
    reason: 'a version of 0 is a version; 10.5 begins with a random number instead',
    matches: ({ fact, subject }, row) =>
      row.word === 'replace: SDP-version' && fact === 'session.version' && subject === '0',
  },
  {
    name: 'the last suite stays',
    reason:
      'an offerer of SRTP gets an answer with a key, even if each of its suites is unwanted, as in newer versions',
    matches: ({ command, fact, oracle }, row) =>
      row.word.startsWith('SDES: no-') &&
      command === 'answer' &&
      fact.endsWith('.crypto') &&
      oracle === undefined,
  },
  {
    name: 'twin lines of optional SRTP',
    reason: 'OSRTP=accept also means two m-lines for one stream, as in newer versions',
    matches: (_, row, shape) => row.word === 'OSRTP: accept' && shape === 'desk-phone-srtp-optional',
  },
  {
    name: 'ICE for an offerer that did not offer it',
    reason:
      'ICE=force in the answer adds none for the offerer, as in newer versions: it could not answer the checks',
    matches: ({ command, fact, subject }, row) =>
      row.word === 'ICE: force' && command === 'answer' && fact.endsWith('.ice') && subject === undefined,
  },
  {
    name: 'order of candidates',
    reason: 'candidates come in the order in which the interface is configured, as in newer versions',
    matches: ({ fact, oracle, subject }) =>
      fact.endsWith('.ice') && sortedWords(oracle) === sortedWords(subject),
  },
  {
    name: 'candidates under a media address',
    reason:
      'media-address stands for the candidate of its own family; 10.5 prints it for the other family as well',
    matches: ({ fact }, row) => row.word === 'media-address' && fact.endsWith('.ice'),
  },
  {
    name: 'feedback where the profile changes',
    reason:
      'each side is told the feedback it can send or that is translated for it; 10.5 repeats what the other side said',
    matches: ({ fact }, row) =>
      row.word.startsWith('transport-protocol: ') && /\.(?:feedback|others|extmap)$/.test(fact),
  },
  {
    name: 'transport-cc without its header extension',
    reason:
      'the feedback about sequence numbers goes with the extension that is stripped; 10.5 promises what nobody can send',
    matches: ({ fact, oracle, subject }, row) =>
      row.word === 'strip-extmap' &&
      fact.endsWith('.feedback') &&
      (oracle ?? '')
        .split(' | ')
        .filter((feedback) => !feedback.endsWith(' transport-cc'))
        .join(' | ') === (subject ?? ''),
  },
  {
    name: 'packet times without transcoding',
    reason:
      'ptime is written and nothing is repacketised yet, so no codec is taken out that 10.5 could not convert',
    matches: ({ fact }, row) => row.word.startsWith('ptime') && CODEC_FACTS.test(fact),
  },
  {
    name: 'lone telephone events',
    reason:
      'telephone events of another clock rate than the codec stay if there are no others: nobody can dial without',
    matches: ({ command, fact, subject }, row) =>
      row.word === 'codec: strip PCMU' &&
      command === 'answer' &&
      CODEC_FACTS.test(fact) &&
      subject !== undefined,
  },
  {
    name: 'comfort noise of one’s own',
    reason:
      'stripping telephone events makes 10.5 add comfort noise it would have to generate; nothing is added here',
    matches: ({ fact }, row) => row.word === 'codec: strip telephone-event' && CODEC_FACTS.test(fact),
  },
];

/** Shapes that are not sent, with the reason; the conversations about bodies of the field have them. */
export const NOT_COMPARED: Readonly<Record<string, string>> = {
  multicast: '10.5 cannot read a c= line with a time to live',
  'no-media': '10.5 refuses an offer without m-lines, which RFC 3264 §5 allows',
  'weird-order': '10.5 refuses lines out of order',
  'weird-empty-values': 'both refuse it, in other words',
};

function sortedWords(text: string | undefined): string {
  return (text ?? '').split(' ').sort().join(' ');
}

const NO_RTP: readonly string[] = [
  'bfcp-conference',
  'chromium-156-video-data',
  'data-channel',
  't38-bare-flags',
  't38-reinvite',
];
const CODEC_FACTS = /\.(?:formats|codecs|fmtp|feedback)$/;
