/** A SIP phone in a web page, as the test sees it. */
export type Phone = {
  register(options: PhoneOptions): Promise<void>;
  /** Calls a SIP URI. An incoming call is answered by itself. */
  call(target: string): void;
  hold(): Promise<void>;
  resume(): Promise<void>;
  restartIce(): Promise<void>;
  /** Sends telephone events (RFC 4733). */
  dial(tones: string): void;
  hangUp(): void;
  /** What has become of the call so far: JsSIP's events, with a cause where there is one. */
  events(): string[];
  sdp(): { local: string; remote: string };
  stats(): Promise<CallStats>;
};

export type PhoneOptions = {
  readonly user: string;
  /** `ws://…` */
  readonly server: string;
  readonly video?: boolean;
};

/** What `getStats()` says, summed up. */
export type CallStats = {
  readonly connection: string;
  readonly ice: string;
  readonly dtls: string;
  readonly srtpCipher: string;
  /** Of DTLS, as on the wire: `FEFD` is 1.2. */
  readonly tlsVersion: string;
  /** Address of the remote candidate in use. */
  readonly remote: string;
  readonly audio: MediaStats;
  readonly video: MediaStats;
  /** The bandwidth estimate of the sender, bits per second; 0 if there is none. */
  readonly videoEstimateBps: number;
};

export type MediaStats = {
  readonly received: number;
  readonly lost: number;
  /** Grows with every sample that is not silence. */
  readonly energy: number;
  readonly framesDecoded: number;
  readonly sent: number;
  readonly keyFramesSent: number;
  /** PLI and FIR that the peer sent to us. */
  readonly keyFramesRequestedOfUs: number;
  /** PLI and FIR that we sent. */
  readonly keyFramesRequested: number;
  /** Report blocks about what we send. */
  readonly reportsOfUs: number;
  readonly codec: string;
};
