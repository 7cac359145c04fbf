import type { Client, Command } from '../../command/command.js';
import { type CommandFailure, failure, type Reply } from '../../command/reply.js';
import type { CommandHandler } from '../../service/ports.js';
import type { ReplyCache } from '../reply-cache.js';
import type { ControlCounts } from './control-counts.js';
import { decodeNg, namedCommand } from './decode.js';
import { encodeError, encodeNg, writeNg } from './encode.js';
import { type Encoding, type Payload, readPayload, splitEnvelope, writePayload } from './envelope.js';
import type { Templates } from './evaluate.js';
import { KnownRequests } from './known-requests.js';

/** The part of a pino logger that is used here. */
export type NgLogger = {
  debug(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
};

export type ResponderOptions = {
  readonly handler: CommandHandler;
  readonly cache: ReplyCache;
  readonly counts: ControlCounts;
  readonly logger: NgLogger;
  readonly templates: Templates;
  /** Milliseconds of a clock that never goes back. */
  readonly clock: () => number;
};

/** Frames that got no answer, by reason. */
export type DroppedFrames = { noCookie: number; overload: number };

/** Turns ng requests into commands and replies, for every transport. Never throws, whatever arrives. */
export class NgResponder {
  readonly dropped: DroppedFrames = { noCookie: 0, overload: 0 };
  readonly #options: ResponderOptions;
  readonly #known: KnownRequests;
  /** Warnings that were logged, so that a call's flags are complained of once. */
  readonly #warned = new Set<string>();

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#known = new KnownRequests(options.templates);
  }

  /** Answers `cookie SP dictionary` with the same framing. Undefined: no answer is due. */
  answer(frame: Buffer, client: Client, maxBytes = Number.MAX_SAFE_INTEGER): Promise<Buffer | undefined> {
    const envelope = splitEnvelope(frame);
    if (envelope === undefined) {
      this.dropped.noCookie += 1;
      return NO_ANSWER;
    }
    const { cookie, payload } = envelope;
    const request = { address: client.address, port: client.port, cookie, payload };
    const prefix = `${cookie} `;
    const answer = this.#options.cache.reply(request, this.#options.clock(), () =>
      this.#execute(payload, client, { prefix, maxBytes }),
    );
    if (answer.kind === 'overload') {
      this.dropped.overload += 1;
      return NO_ANSWER;
    }
    if (answer.kind === 'duplicate') this.#options.logger.debug({ client }, 'repeated request');
    return answer.reply;
  }

  /** Answers a dictionary without a cookie (HTTP): nothing is remembered. */
  async answerPlain(payload: Buffer, client: Client): Promise<Buffer> {
    return Buffer.from(await this.#execute(payload, client, PLAIN), 'latin1');
  }

  /** The whole answer, one byte a character. */
  async #execute(payload: Buffer, client: Client, { prefix, maxBytes }: Framing): Promise<string> {
    const started = this.#options.clock();
    const known = this.#known.decode(payload);
    const request = known === undefined ? readPayload(payload) : KNOWN;
    const command = known ?? this.#decode(request, client);
    let reply: Reply;
    try {
      reply = command.kind === 'failure' ? command : await this.#options.handler(command, client);
    } catch (error) {
      reply = this.#defect(command, error);
    }
    const seconds = (this.#options.clock() - started) / 1000;
    const name = commandName(command) ?? (request.ok ? namedCommand(request.dictionary) : undefined);
    this.#options.counts.record(client.address, name, seconds, reply.kind === 'failure');
    const answer = prefix + this.#written(reply, request.encoding);
    if (answer.length <= maxBytes) return answer;
    this.#options.logger.warn({ bytes: answer.length }, 'reply does not fit into a datagram');
    return prefix + writePayload(request.encoding, encodeError('Reply does not fit into a datagram'));
  }

  #written(reply: Reply, encoding: Encoding): string {
    const complete = reply.kind === 'nodeStatistics' ? this.#withControls(reply) : reply;
    return encoding === 'bencode' ? writeNg(complete) : writePayload(encoding, encodeNg(complete));
  }

  #withControls(reply: Extract<Reply, { kind: 'nodeStatistics' }>): Reply {
    if (reply.statistics.controls.length > 0) return reply;
    return { ...reply, statistics: { ...reply.statistics, controls: this.#options.counts.statistics() } };
  }

  #decode(request: Payload, client: Client): Command | CommandFailure {
    if (!request.ok) return failure('badRequest', request.reason);
    const { command, warnings } = decodeNg(request.dictionary, this.#options.templates);
    const callId = 'callId' in command ? command.callId : undefined;
    for (const warning of warnings) this.#warnOnce(warning, callId, client);
    return command;
  }

  #defect(command: Command | CommandFailure, error: unknown): CommandFailure {
    const callId = 'callId' in command ? command.callId : undefined;
    this.#options.logger.error({ err: error, command: commandName(command), callId }, 'command failed');
    return failure('internal', 'Internal error');
  }

  #warnOnce(warning: string, callId: string | undefined, client: Client): void {
    const key = `${callId ?? ''} ${warning}`;
    if (this.#warned.has(key)) return;
    if (this.#warned.size >= MAX_WARNED) this.#warned.clear();
    this.#warned.add(key);
    this.#options.logger.warn({ callId, client: client.address, warning }, 'ng request not fully understood');
  }
}

/** What goes in front of an answer, and how long it may be in all. */
type Framing = { readonly prefix: string; readonly maxBytes: number };

/** The command's name on the wire; undefined if it was not understood. */
function commandName(command: Command | CommandFailure): string | undefined {
  switch (command.kind) {
    case 'failure':
      return undefined;
    case 'media control':
      return command.action;
    case 'unsupported':
      return command.name;
    case 'recording':
      return `${command.action === 'discard' ? 'stop' : command.action} recording`;
    case 'ping':
    case 'offer':
    case 'answer':
    case 'delete':
    case 'query':
    case 'list':
    case 'statistics':
    case 'cli':
    case 'subscribe request':
    case 'subscribe answer':
    case 'unsubscribe':
    case 'publish':
    case 'create':
    case 'create answer':
    case 'connect':
    case 'mesh':
      return command.kind;
  }
}

const NO_ANSWER: Promise<undefined> = Promise.resolve(undefined);
/** Only bencode is remembered. */
const KNOWN: Payload = { ok: true, encoding: 'bencode', dictionary: new Map() };
const PLAIN: Framing = { prefix: '', maxBytes: Number.MAX_SAFE_INTEGER };
const MAX_WARNED = 4096;
