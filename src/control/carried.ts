import type { AnswerDatagram, ControlLogger } from './udp.js';

/** A datagram on its way between a client and this process, through the data plane. */
export type Carried = {
  readonly socket: number;
  /** `address:port` */
  readonly client: string;
  /** One byte a character. */
  readonly bytes: string;
};

/** Sockets that the data plane reads: it passes on what it cannot answer, and sends what is answered here. */
export class CarriedSockets {
  readonly #send: (datagram: Carried) => void;
  readonly #logger: ControlLogger;
  #answer: AnswerDatagram | undefined;
  /** What came before there was anybody to answer. */
  #early: Carried[] = [];

  constructor(send: (datagram: Carried) => void, logger: ControlLogger) {
    this.#send = send;
    this.#logger = logger;
  }

  /** Answers from now on. */
  listen(answer: AnswerDatagram): void {
    this.#answer = answer;
    for (const datagram of this.#early.splice(0)) this.receive(datagram);
  }

  receive(datagram: Carried): void {
    if (this.#answer === undefined) {
      if (this.#early.length < MAX_EARLY) this.#early.push(datagram);
      return;
    }
    const { socket, client, bytes } = datagram;
    this.#answer(Buffer.from(bytes, 'latin1'), transportAddress(client)).then(
      (reply) => {
        if (reply !== undefined) this.#send({ socket, client, bytes: reply.toString('latin1') });
      },
      (error) => this.#logger.error({ err: error }, 'control request failed'),
    );
  }
}

function transportAddress(client: string): { readonly address: string; readonly port: number } {
  const colon = client.lastIndexOf(':');
  const address = client.slice(0, colon);
  return {
    address: address.startsWith('[') ? address.slice(1, -1) : address,
    port: Number(client.slice(colon + 1)),
  };
}

const MAX_EARLY = 1_000;
