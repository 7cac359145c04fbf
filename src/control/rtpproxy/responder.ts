import type { Client } from '../../command/command.js';
import type { PairCommand, PairReply } from '../../command/pair.js';
import { failure } from '../../command/reply.js';
import type { PairHandler } from '../../service/ports.js';
import type { ReplyCache } from '../reply-cache.js';
import type { ControlLogger } from '../udp.js';
import { type Dialect, decodeRequest, type Request } from './decode.js';
import { encodeError, encodeReply } from './encode.js';
import { VERSION } from './features.js';
import { normalizedTarget, withSelf } from './notice.js';
import type { CommandCounts, ReplyForm } from './statistics.js';

export type ResponderOptions = {
  readonly handler: PairHandler;
  readonly cache: ReplyCache;
  /** Whether there are two sides to bridge. */
  readonly bridged: boolean;
  /** Targets clients may have told of timeouts. */
  readonly notify: readonly string[];
  readonly logger: ControlLogger;
  /** Milliseconds of a clock that never goes back. */
  readonly clock: () => number;
};

/** Turns command lines into commands and replies, for every transport. Never throws, whatever arrives. */
export class RtpproxyResponder {
  readonly counts: CommandCounts = { received: 0, repeated: 0, succeeded: 0, failed: 0, replied: 0 };
  readonly #options: ResponderOptions;
  readonly #dialect: Dialect;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#dialect = { bridged: options.bridged, notifies: options.notify.length > 0 };
  }

  /** Answers `cookie SP command`; `origin` tells clients apart. Undefined: the datagram is empty. */
  async answerDatagram(
    frame: Buffer,
    client: Client,
    origin: { readonly address: string; readonly port: number } = client,
  ): Promise<Buffer | undefined> {
    const text = frame.toString('latin1');
    const [, cookie, line] = /^[ \t\r\n]*([^ \t\r\n]+)([\s\S]*)$/.exec(text) ?? [];
    if (cookie === undefined || line === undefined) return undefined;
    const { cache, clock } = this.#options;
    const request = { address: origin.address, port: origin.port, cookie, payload: frame };
    const answer = cache.reply(request, clock(), async () => {
      return `${cookie} ${await this.answerLine(frame.length > MAX_REQUEST ? '' : line, client)}`;
    });
    // An unanswered request takes the whole node out of service for a minute.
    if (answer.kind === 'overload') return Buffer.from(`${cookie} ${encodeError(98)}\n`, 'latin1');
    if (answer.kind === 'duplicate') this.counts.repeated += 1;
    return answer.reply;
  }

  /** Answers a command; the reply ends with its line end. */
  async answerLine(line: string, client: Client): Promise<string> {
    this.counts.received += 1;
    const text = await this.#execute(decodeRequest(line, this.#dialect), client);
    const isError = text.startsWith('E');
    if (isError) this.counts.failed += 1;
    else this.counts.succeeded += 1;
    this.counts.replied += 1;
    if (isError)
      this.#options.logger.debug({ client, line: line.trim(), reply: text }, 'rtpproxy command refused');
    return `${text}\n`;
  }

  async #execute(request: Request, client: Client): Promise<string> {
    switch (request.kind) {
      case 'version':
        return `${VERSION}`;
      case 'feature':
        return request.works ? '1' : '0';
      case 'error':
        return encodeError(request.number);
      case 'command': {
        const reply = await this.#handle(this.#withTarget(request.command, client), client);
        return limited(encodeReply(reply, request.form, this.counts), request.form);
      }
    }
  }

  /** Puts the client's address into the target; a target that is not permitted is left out, and the call goes on. */
  #withTarget(command: PairCommand, client: Client): PairCommand {
    if (command.kind !== 'update pair' || command.notify === undefined) return command;
    const target = withSelf(command.notify.target, client.address);
    const permitted = this.#options.notify.map((one) => withSelf(normalizedTarget(one), client.address));
    if (permitted.includes(target)) return { ...command, notify: { ...command.notify, target } };
    const { callId } = command;
    this.#options.logger.warn(
      { callId, target },
      'notification target is not permitted; nothing will be sent',
    );
    const { notify: _, ...silent } = command;
    return silent;
  }

  async #handle(command: PairCommand, client: Client): Promise<PairReply> {
    try {
      return await this.#options.handler(command, client);
    } catch (error) {
      const callId = 'callId' in command ? command.callId : undefined;
      this.#options.logger.error({ err: error, command: command.kind, callId }, 'command failed');
      return failure('internal', 'Internal error');
    }
  }
}

/** Clients read no longer replies. */
function limited(text: string, form: ReplyForm): string {
  if (text.length < MAX_REPLY) return text;
  return encodeError(form.kind === 'counters' ? 25 : 26);
}

/** Bytes of a request at most. */
export const MAX_REQUEST = 8192;
const MAX_REPLY = 1024;
