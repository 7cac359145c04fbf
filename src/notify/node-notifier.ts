import type { KeyPress } from '../call/keys.js';
import type { Notice } from '../call/notice.js';
import type { Notifier } from '../service/ports.js';
import type { Channel } from './channels.js';
import type { ClientTargets } from './client-targets.js';

/** One way out for keys. */
export type KeyChannel = { tellKey(press: KeyPress): void; close(): void };

/** All ways out for what programs outside are told. */
export class NodeNotifier implements Notifier {
  readonly #clientTargets: ClientTargets;
  readonly #channels: Channel[];
  readonly #keyChannels: KeyChannel[] = [];

  constructor(clientTargets: ClientTargets, channels: readonly Channel[]) {
    this.#clientTargets = clientTargets;
    this.#channels = [...channels];
  }

  /** For listeners that are opened later than calls can end. */
  add(channel: Channel): void {
    this.#channels.push(channel);
  }

  addForKeys(channel: KeyChannel): void {
    this.#keyChannels.push(channel);
  }

  tellEnd(target: string, tag: string, notice: Notice): void {
    this.#clientTargets.tellEnd(target, tag, notice);
  }

  tellKeyLine(target: string, text: string, callId: string): void {
    this.#clientTargets.tellKey(target, text, callId);
  }

  tell(notice: Notice): void {
    for (const channel of this.#channels) channel.tell(notice);
  }

  tellKey(press: KeyPress): void {
    for (const channel of this.#keyChannels) channel.tellKey(press);
  }

  /** Deliveries that are not done yet. */
  get waiting(): number {
    return this.#channels.reduce((total, { waiting }) => total + waiting, this.#clientTargets.waiting);
  }

  close(): void {
    this.#clientTargets.close();
    for (const channel of [...this.#channels, ...this.#keyChannels]) channel.close();
  }
}
