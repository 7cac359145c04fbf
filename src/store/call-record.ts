/** Major and minor version of the written form. */
export const RECORD_VERSION = '1.0';

/** The written form of a call. Absent fields are false, empty or unknown. */
export type CallRecord = {
  readonly v: string;
  readonly id: string;
  readonly r: number;
  readonly c: number;
  readonly s: number;
  readonly f: string;
  readonly md: string | undefined;
  readonly xc: string | undefined;
  readonly dl: string | undefined;
  readonly tos: number;
  /** Media, silent, offer, first packet, final; in milliseconds. */
  readonly to: readonly (number | null)[];
  readonly lm: string;
  readonly ls: 1 | undefined;
  readonly lh: 1 | undefined;
  readonly dd: number;
  readonly da: number | undefined;
  readonly dt: 1 | undefined;
  readonly gr: 1 | undefined;
  readonly fw: 1 | undefined;
  readonly re: readonly string[] | undefined;
  readonly n: number;
  readonly legs: readonly LegRecord[];
  readonly dlg: readonly DialogueRecord[];
  readonly pr: readonly PairRecord[] | undefined;
  /** Stream, tag, payload type and whether hidden, of each. */
  readonly kw: readonly (readonly [number, string, number, 0 | 1])[] | undefined;
  /** Keys are told to somebody. */
  readonly tk: 1 | undefined;
  readonly ot: number | undefined;
  /** Tag, text and time of each. */
  readonly ef: readonly (readonly [string, string, number])[] | undefined;
};

/** References: 1 strong, 2 weak of the creator, 4 weak of the other. */
export type PairRecord = readonly [
  tag: string,
  creator: number,
  other: number,
  references: number,
  ...notice: readonly string[],
];

export type LegRecord = {
  readonly i: number;
  readonly t: string | undefined;
  readonly al: readonly string[] | undefined;
  readonly ak: string | undefined;
  readonly vb: string | undefined;
  readonly lb: string | undefined;
  readonly md: string | undefined;
  readonly c: number;
  readonly if: string | undefined;
  readonly fa: string | undefined;
  readonly as: 1 | undefined;
  /** NAT wait, pierce NAT. */
  readonly nw: 1 | undefined;
  readonly pn: 1 | undefined;
  readonly he: string | undefined;
  /** ICE lite. */
  readonly li: 1 | undefined;
  readonly fw: 1 | undefined;
  readonly re: readonly string[] | undefined;
  readonly da: number | undefined;
  /** User name, session id, version, address, session name, hash of the body. */
  readonly o: readonly (string | null)[] | undefined;
  readonly tw: string | undefined;
  readonly st: readonly StreamRecord[];
};

export type StreamRecord = {
  readonly i: number;
  readonly t: string;
  readonly p: string;
  readonly m: string | undefined;
  readonly f: SignalledRecord | undefined;
  readonly o: SignalledRecord | undefined;
  readonly l: readonly LocalRecord[];
  readonly nl: number | undefined;
  /** Bundle, bundle offer. */
  readonly b: number | undefined;
  readonly bo: number | undefined;
  readonly om: 1 | undefined;
  readonly x: 1 | undefined;
  readonly xa: boolean | undefined;
  readonly xo: string | undefined;
  readonly pt: number | undefined;
  readonly u: 1 | undefined;
  readonly e: number;
  readonly lr: readonly string[] | undefined;
  readonly sc: SecurityRecord | undefined;
  readonly tp: string | undefined;
  readonly ic: IceRecord | undefined;
  readonly ir: 1 | undefined;
};

/** Keys are here: a call that survives a crash goes on with them. */
export type SecurityRecord = {
  /** `none`, `sdes` with our line and theirs and 1 if our key is borrowed, `dtls` with our role. */
  readonly a: readonly (string | number)[] | undefined;
  readonly c: string | undefined;
  readonly p: string | undefined;
  readonly d: 1 | undefined;
  readonly w: 1 | undefined;
  readonly t: string | undefined;
  /** Our certificate. */
  readonly k: string | undefined;
  readonly n: number;
  readonly wi: readonly string[] | undefined;
};

/** 1 offered, 2 in force. */
export type IceRecord = readonly [
  ufrag: string,
  pwd: string,
  role: string,
  generation: number,
  state: number,
];

export type SignalledRecord = {
  readonly t: string;
  readonly p: string;
  readonly f: string;
  /** RTP address, and that of RTCP where it is not the next port. */
  readonly a: readonly string[] | undefined;
  readonly d: string | undefined;
  readonly x: 1 | undefined;
  readonly r: 1 | undefined;
  readonly pt: number | undefined;
  readonly pl: string;
  readonly fb: string | undefined;
  /** Crypto lines, fingerprint, setup, `tls-id`. */
  readonly sc: readonly (string | null)[] | undefined;
  /** `ufrag`, `pwd`, options, candidates; 1 lite, 2 complete. */
  readonly ic: readonly [string, string, string, string, number] | undefined;
  /** Masked extensions. */
  readonly mk: string | undefined;
  /** Group, place, 1 if dependent, header extension or 0, sources. */
  readonly b: readonly [number, number, 0 | 1, number, string] | undefined;
};

export type LocalRecord = readonly [
  id: number,
  ports: 1 | 2,
  port: number,
  interfaceName: string,
  address: string,
  peer: string,
  relay?: readonly [ufrag: string, state: 'wanted' | 'failed', separateRtcp: 0 | 1, ...addresses: string[]],
];

export type DialogueRecord = {
  readonly a: number;
  readonly b: number;
  readonly an: number;
  readonly o: number | undefined;
  readonly f: 1 | undefined;
  readonly l: readonly (readonly [number, number])[] | undefined;
  readonly ra: readonly string[] | undefined;
  readonly rb: readonly string[] | undefined;
};
