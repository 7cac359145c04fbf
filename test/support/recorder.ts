import type { NgClient, NgDictionary } from './oracle-ng-client.js';
import { sdpOf } from './loopback-call.js';
import { RtpPeer } from './rtp-peer.js';
import { keyOf, SrtpContext, SrtpKey } from './srtp.js';

/** A SIPREC server with two lines of media: it hears both parties of a call and says nothing. */
export class Recorder {
  readonly lines: readonly [RtpPeer, RtpPeer];
  readonly #key = new SrtpKey();
  offer = '';

  private constructor(one: RtpPeer, other: RtpPeer) {
    this.lines = [one, other];
  }

  static async subscribe(ng: NgClient, callId: string, flags: NgDictionary): Promise<Recorder> {
    const recorder = new Recorder(await RtpPeer.open(), await RtpPeer.open());
    const listener = { 'call-id': callId, 'to-tag': 'recorder' };
    const wishes = { flags: ['all', 'SIPREC'], ...flags };
    recorder.offer = await sdpOf(ng, { command: 'subscribe request', ...listener, ...wishes });
    const reply = await ng.command({ command: 'subscribe answer', ...listener, sdp: recorder.#answer() });
    if (reply.result !== 'ok') throw new Error(`refused: ${JSON.stringify(reply)}`);
    return recorder;
  }

  /** Both lines hear so many packets more. */
  async hearMore(packets: number, during: () => Promise<void>): Promise<void> {
    const before = this.lines.map(({ received }) => received.length);
    await during();
    await Promise.all(this.lines.map((line, at) => line.hears((before[at] ?? 0) + packets)));
  }

  /** Takes what is offered, with keys if there are some. */
  #answer(): string {
    const [session = '', ...sections] = this.offer.split(/(?=^m=)/m);
    const answered = sections.map((section, at) => {
      const line = this.lines[at];
      if (line === undefined) throw new Error('more lines than the recorder has');
      line.aim(section);
      const taken = section.split('\r\n').filter((text) => /^(?:c=|a=(?:rtpmap|fmtp))/.test(text));
      const [head = ''] = section.split('\r\n');
      return [
        head.replace(/^m=audio \d+/, `m=audio ${line.port}`),
        ...taken,
        'a=recvonly',
        ...this.#keyFor(line, section),
        '',
      ].join('\r\n');
    });
    return session + answered.join('');
  }

  #keyFor(line: RtpPeer, section: string): readonly string[] {
    const tag = /^a=crypto:(\d+) AES_CM_128_HMAC_SHA1_80/m.exec(section)?.[1];
    if (tag === undefined) return [];
    const receive = new SrtpContext(keyOf(section));
    line.protection = { send: new SrtpContext(this.#key.bytes), receive };
    return [this.#key.line(Number(tag))];
  }
}
