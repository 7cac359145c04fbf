import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DtlsPeer } from '../support/dtls-peer.js';
import { sdpOf } from '../support/loopback-call.js';
import { audioSdp, mediaAddress, RtpPeer } from '../support/rtp-peer.js';
import { freePort, Tandem } from '../support/tandem.js';

const HOST = '127.0.0.1';

/** Files of a certificate, to be written anew. */
class Files {
  readonly certificate: string;
  readonly privateKey: string;

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), 'tandem-certificate-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    this.certificate = join(directory, 'node.pem');
    this.privateKey = join(directory, 'node.key');
    this.write('rsa:2048');
  }

  get settings(): readonly string[] {
    return [`dtls.certificate=${this.certificate}`, `dtls.privateKey=${this.privateKey}`];
  }

  get fingerprint(): string {
    return new X509Certificate(readFileSync(this.certificate)).fingerprint256;
  }

  write(key: string, ...options: readonly string[]): void {
    const subject = ['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=node', '-newkey', key, ...options];
    const files = ['-keyout', this.privateKey, '-out', this.certificate];
    execFileSync('openssl', [...subject, ...files], { stdio: 'ignore' });
  }
}

/** A caller with DTLS that is about to shake hands, and a callee with RTP. */
class Call {
  readonly dtls = new DtlsPeer();
  answered = '';
  #version = 0;
  readonly #tandem: Tandem;
  readonly #callId: string;
  readonly #at: { readonly address: string; readonly port: number };
  readonly #callee: RtpPeer;

  private constructor(tandem: Tandem, callId: string, port: number, callee: RtpPeer) {
    this.#tandem = tandem;
    this.#callId = callId;
    this.#at = { address: HOST, port };
    this.#callee = callee;
  }

  static async setUp(tandem: Tandem, callId: string): Promise<Call> {
    const call = new Call(tandem, callId, await freePort(HOST), await RtpPeer.open());
    await call.negotiate();
    return call;
  }

  /** What the caller is told of our certificate. */
  get told(): string | undefined {
    return /^a=fingerprint:sha-256 (\S+)/m.exec(this.answered)?.[1];
  }

  async negotiate(): Promise<void> {
    this.#version += 1;
    const dialogue = { 'call-id': this.#callId, 'from-tag': 'a', 'rtcp-mux': ['demux'], flags: [] };
    const lines = ['a=rtcp-mux', 'a=setup:active', `a=fingerprint:${this.dtls.fingerprint}`];
    const offered = audioSdp(this.#at, { version: this.#version, profile: 'UDP/TLS/RTP/SAVP', lines });
    const toTag = this.#version > 1 ? { 'to-tag': 'b' } : {};
    const to = { 'transport-protocol': 'RTP/AVP', sdp: offered };
    this.#callee.aim(await sdpOf(this.#tandem.ng, { command: 'offer', ...dialogue, ...toTag, ...to }));
    const sdp = this.#callee.sdp({ version: this.#version });
    this.answered = await sdpOf(this.#tandem.ng, { command: 'answer', ...dialogue, 'to-tag': 'b', sdp });
  }

  /** Returns the fingerprint of the certificate that was shown. */
  async shakeHands(): Promise<string> {
    const { address, port } = mediaAddress(this.answered);
    const keys = await this.dtls.connect(`${HOST}:${this.#at.port}`, `${address}:${port}`);
    const caller = await RtpPeer.open(HOST, this.#at.port);
    caller.protection = keys;
    caller.aim(this.answered);
    caller.talk();
    await this.#callee.hears(5);
    caller.stopTalking();
    return this.dtls.peerFingerprint;
  }
}

test('other files: new calls get the new certificate, a call keeps its own, even if the data plane dies', async () => {
  const files = new Files();
  const tandem = await Tandem.start({ settings: files.settings });
  const [first, other] = [await Call.setUp(tandem, 'first'), await Call.setUp(tandem, 'other')];
  const former = files.fingerprint;
  expect(first.told).toBe(former);
  expect(await other.shakeHands()).toBe(former);

  files.write('ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1');
  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  await first.negotiate();
  expect(first.told).toBe(former);
  const next = await Call.setUp(tandem, 'next');
  expect(next.told).toBe(files.fingerprint);
  expect(next.told).not.toBe(former);

  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=3 /);
  expect(await first.shakeHands()).toBe(former);
  expect(await next.shakeHands()).toBe(files.fingerprint);
});

test('other files between an offer and its answer: the callee is shown the certificate it was told of', async () => {
  const files = new Files();
  const tandem = await Tandem.start({ settings: files.settings });
  const [dtls, caller, port] = [new DtlsPeer(), await RtpPeer.open(), await freePort(HOST)];
  const dialogue = { 'call-id': 'ringing', 'from-tag': 'a', 'rtcp-mux': ['offer'], flags: [] };
  const towards = { 'transport-protocol': 'UDP/TLS/RTP/SAVP' };
  const offered = await sdpOf(tandem.ng, { command: 'offer', ...dialogue, ...towards, sdp: caller.sdp() });
  const former = files.fingerprint;
  expect(offered).toContain(`a=fingerprint:sha-256 ${former}`);

  files.write('ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1');
  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  const next = await Call.setUp(tandem, 'next');
  expect(next.told).toBe(files.fingerprint);

  const lines = ['a=rtcp-mux', 'a=setup:active', `a=fingerprint:${dtls.fingerprint}`];
  const sdp = audioSdp({ address: HOST, port }, { profile: 'UDP/TLS/RTP/SAVP', lines });
  caller.aim(await sdpOf(tandem.ng, { command: 'answer', ...dialogue, 'to-tag': 'b', sdp }));
  const { address, port: at } = mediaAddress(offered);
  const keys = await dtls.connect(`${HOST}:${port}`, `${address}:${at}`);
  expect(dtls.peerFingerprint).toBe(former);
  const callee = await RtpPeer.open(HOST, port);
  callee.protection = keys;
  caller.talk();
  await callee.hears(5);
  caller.stopTalking();
});

test('files that have become unusable: the certificate before stays, and the log says why', async () => {
  const files = new Files();
  const tandem = await Tandem.start({ settings: files.settings });
  const former = files.fingerprint;
  rmSync(files.privateKey);
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/DTLS certificate not taken from its files.*node\.key cannot be read/);
  await tandem.control.printed(/calls and data plane agree .*calls and data plane agree/s);
  const call = await Call.setUp(tandem, 'call');
  expect(call.told).toBe(former);
  expect(await call.shakeHands()).toBe(former);
});

test('files that are unusable at the start are refused, all of what is wrong at once', async () => {
  const files = new Files();
  rmSync(files.certificate);
  rmSync(files.privateKey);
  const started = Tandem.start({ settings: files.settings });
  await expect(started).rejects.toThrow(
    /dtls\.certificate: dtls\.certificate: .*node\.pem cannot be read.*dtls\.privateKey: .*node\.key cannot be read/s,
  );
});
