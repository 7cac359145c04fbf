import type { Difference } from '../support/oracle.js';

/** A difference from rtpengine 10.5 that is meant, with the reason. */
export type KnownDifference = {
  readonly reason: string;
  readonly matches: (difference: Difference) => boolean;
};

export const KNOWN_DIFFERENCES: Readonly<Record<string, KnownDifference>> = {
  'no session address': {
    reason:
      'each m-line has its own c= line, so none is needed for the session; 10.5 lets the original one through',
    matches: ({ fact, subject }) => fact === 'session.connection' && subject === undefined,
  },
  'the offer for a listener is our own': {
    reason: 'its origin and name are not those of the party that is heard, and tell nothing of its address',
    matches: ({ command, fact }) => command === 'subscribe request' && fact.startsWith('session.'),
  },
  'the answer to a publication is named by nobody': {
    reason: 'a name of the software in `s=` tells strangers what to attack',
    matches: ({ command, fact }) => command === 'publish' && fact.startsWith('session.'),
  },
  'what is not converted need not be convertible': {
    reason: 'packets go to listeners as they are; 10.5 takes such codecs if they are named, or with `any`',
    matches: refusedByOracle,
  },
  'events are published with their codec': {
    reason: 'newer versions keep formats of the same clock rate that carry no media of their own',
    matches: ({ command, fact }) => command === 'publish' && /^m1\.(?:formats|codecs|fmtp)$/.test(fact),
  },
  'labels for listeners are other numbers': {
    reason: 'any label will do that is the only one of its kind',
    matches: ({ command, fact }) => command === 'subscribe request' && /^m\d+\.label$/.test(fact),
  },
  'a refusal in newer words': {
    reason: 'newer versions say it with more words',
    matches: ({ command, fact }) => command === 'subscribe request' && fact === 'error-reason',
  },
  'time is always said': {
    reason: 'RFC 8866 requires t=; it is added where the phone left it out',
    matches: ({ fact, oracle, subject }) =>
      fact === 'session.time' && oracle === undefined && subject === '0 0',
  },
  'unknown payload types stay unexplained': {
    reason: '10.5 writes "a=rtpmap:96 /0" for a payload type it was told nothing about',
    matches: ({ fact, oracle }) => fact === 'm1.codecs' && oracle?.includes('=/0') === true,
  },
  'payload numbers of the answer are kept': {
    reason:
      'RFC 3264 §6.1 lets an answer use its own numbers, and packets pass as they are; 10.5 answers without formats',
    matches: ({ fact, oracle }) => (fact === 'm1.formats' || fact === 'm1.codecs') && oracle === '',
  },
  'a codec that was not offered is told as answered': {
    reason:
      'packets are not transcoded, so naming the offered codec instead, as 10.5 does, would promise what never comes',
    matches: ({ fact, subject }) =>
      fact === 'm1.formats' || (fact === 'm1.codecs' && subject?.includes('pcma') === true),
  },
  'one pair of ports per m-line': {
    reason: 'a port count is answered with one pair, as newer versions do',
    matches: ({ fact, oracle, subject }) => fact === 'm1.count' && oracle === '2' && subject === undefined,
  },
  'missing m-lines are rejected': {
    reason:
      'an answer must have as many m-lines as the offer (RFC 3264 §6); those left out are filled in with port 0',
    matches: ({ fact, subject }) => (fact === 'medias' && subject === '2') || fact.startsWith('m2.'),
  },
  'an answer chooses no interface': {
    reason:
      'the interfaces of a call are chosen by its offers, as in newer versions; an answer does not move a leg',
    matches: ({ command, fact }) => command === 'answer' && fact === 'm1.address',
  },
  'an answer has the profile of the offer': {
    reason: 'an answer repeats the profile it was offered (RFC 3264 §6), as in newer versions',
    matches: ({ command, fact }) => command === 'answer' && fact === 'm1.profile',
  },
  'telephone events alone are no codec': {
    reason:
      '10.5 writes an m-line without any format when only telephone events are left; the list is restored instead',
    matches: ({ fact }) => ['m1.formats', 'm1.codecs', 'm1.fmtp'].includes(fact),
  },
  'lone telephone events stay': {
    reason:
      'telephone events of another clock rate than the codec stay if there are no others: nobody can dial without',
    matches: ({ fact }) => ['m1.formats', 'm1.codecs', 'm1.fmtp'].includes(fact),
  },
  'a held leg keeps its port': {
    reason:
      'a party on hold may name another port without the other side seeing a new one, as in newer versions',
    matches: ({ fact, subject }) => fact === 'm1.port' && subject === 'port 1',
  },
  'an offer without media is passed on': {
    reason: 'RFC 3264 §5 allows an offer without m-lines, to add media later; 10.5 refuses it',
    matches: refusedByOracle,
  },
  'multicast addresses are read': {
    reason: '10.5 cannot read a c= line with a time to live',
    matches: refusedByOracle,
  },
  'lines out of order are read': {
    reason: 'what can be understood is not refused because of its order',
    matches: refusedByOracle,
  },
  'another text for a broken body': {
    reason: 'both refuse it; the address is what is found missing first here',
    matches: ({ fact }) => fact === 'error-reason',
  },
  'only RTP has ICE': {
    reason: 'a data channel is relayed between the addresses told; 10.5 offers ICE for it',
    matches: ({ fact, subject }) => fact.endsWith('.ice') && subject === undefined,
  },
  'fingerprints stay with their owners': {
    reason: 'DTLS that carries no RTP passes between the parties; 10.5 drops their fingerprints',
    matches: ({ fact }) => fact.endsWith('.dtls'),
  },
  'browsers get no keys': {
    reason: 'who is offered ICE and DTLS is offered no keys in SDP (RFC 8827 §6.5)',
    matches: ({ command, fact, subject }) =>
      command === 'offer' && fact.endsWith('.crypto') && subject === undefined,
  },
  'a trickle placeholder is no hold': {
    reason:
      'the address 0.0.0.0 with port 9 means that candidates follow (RFC 8840 §4.1.1), as in newer versions',
    matches: ({ fact, oracle, subject }) =>
      fact === 'm1.direction' && oracle === 'sendonly' && subject === 'sendrecv',
  },
  'multiplexed RTCP is shown where it goes': {
    reason: 'the RTCP of a party that multiplexes goes to its RTP port; 10.5 shows the port after it',
    matches: ({ command, fact }) => command === 'query' && fact.endsWith(' endpoints'),
  },
  'a profile is written as it came': {
    reason: 'the case of a profile name is kept',
    matches: ({ fact, oracle, subject }) =>
      fact === 'm1.profile' && oracle?.toLowerCase() === subject?.toLowerCase(),
  },
};

/** Everything differs in the reply to a command that only one of them accepts. */
function refusedByOracle({ fact, oracle, subject }: Difference): boolean {
  if (fact === 'result') return oracle === 'error' && subject === 'ok';
  return fact === 'error-reason' ? subject === undefined : oracle === undefined;
}
