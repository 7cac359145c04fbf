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

  static async subscribe(ng: NgClient, listener: NgDictionary, flags: NgDictionary): Promise<Recorder> {
    const recorder = new Recorder(await RtpPeer.open(), await RtpPeer.open());
    const wishes = { flags: ['all', 'SIPREC'], ...flags };
    recorder.offer = await sdpOf(ng, { command: 'subscribe request', ...listener, ...wishes });
    const reply = await ng.command({ command: 'subscribe answer', ...listener, sdp: recorder.#answer() });
    if (reply.result !== 'ok') throw new Error(`refused: ${JSON.stringify(reply)}`);
    return recorder;
  }

  /** Takes what is offered, with keys if there are some. */
  #answer(): string {
    const [session = '', ...sections] = this.offer.split(/(?=^m=)/m);
    const answered = sections.map((section, at) => {
      const line = this.lines[at];
      if (line === undefined) throw new Error('more lines than the recorder has');
      line.aim(section);
      const taken = section.split('\r\n').filter((text) => /^a=(?:rtpmap|fmtp)/.test(text));
      const [head = ''] = section.split('\r\n');
      return [
        head.replace(/^m=audio \d+/, `m=audio ${line.port}`),
        `c=IN IP4 ${line.address}`,
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
