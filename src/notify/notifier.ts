import { parseTarget, StreamTarget } from './stream-target.js';

export type NotifierEvents = {
  noticeSent(target: string, callId: string): void;
  noticesDropped(target: string, reason: string, notices: number): void;
};

/** Tells stream targets; each has its own queue and connection, so that a dead one delays nobody. */
export class StreamNotifier {
  readonly #events: NotifierEvents;
  readonly #targets = new Map<string, StreamTarget>();

  constructor(events: NotifierEvents) {
    this.#events = events;
  }

  notify(target: string, text: string, callId: string): void {
    const stream = this.#targetOf(target);
    if (stream === undefined) {
      this.#events.noticesDropped(target, 'not a stream target', 1);
      return;
    }
    stream.send(`${text}\n`);
    this.#events.noticeSent(target, callId);
  }

  close(): void {
    for (const target of this.#targets.values()) target.close();
  }

  #targetOf(target: string): StreamTarget | undefined {
    const known = this.#targets.get(target);
    if (known !== undefined) return known;
    const destination = parseTarget(target);
    if (destination === undefined) return undefined;
    const created = new StreamTarget(destination, {
      sent: () => {},
      dropped: (reason, lines) => this.#events.noticesDropped(target, reason, lines),
    });
    this.#targets.set(target, created);
    return created;
  }
}
