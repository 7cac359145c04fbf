import type { Local, Stream } from '../call/call.js';
import type { Ids } from './ids.js';

/** What ports towards a party have to be like. */
export type LocalWish = {
  /** RTP address of the other side; empty if it named none. */
  readonly peer: string;
  readonly interface: string;
  readonly address: string;
  readonly span: Local['span'];
  /** Keep the ports in use although the other side's address is another one. */
  readonly latch: boolean;
};

export type ChosenLocal = { readonly locals: readonly Local[]; readonly local: Local };

/**
 * Chooses the ports a party is told. They belong to the address of the other side: the same address gets the same
 * ports, a changed one gets new ones, and one that comes back gets the former ones again.
 */
export function chooseLocal(stream: Stream, wish: LocalWish, ids: Ids): ChosenLocal {
  const usable = stream.locals.filter((local) => serves(local, wish));
  const current = usable.find((local) => local === stream.locals[0]);
  const ofPeer = wish.peer === '' ? undefined : usable.find(({ peer }) => peer === wish.peer);
  if (current && (wish.latch || wish.peer === '')) return { locals: stream.locals, local: current };
  if (ofPeer) return { locals: stream.locals, local: ofPeer };
  if (current && current.peer === '') {
    const local = { ...current, peer: wish.peer };
    return { locals: stream.locals.map((old) => (old === current ? local : old)), local };
  }
  const local = unboundLocal(ids.take(), wish);
  return { locals: [...stream.locals, local], local };
}

export function unboundLocal(
  id: number,
  { peer, interface: name, address, span }: Pick<Local, 'peer' | 'interface' | 'address' | 'span'>,
): Local {
  return { id, peer, interface: name, address, port: undefined, span, relay: undefined };
}

/** Puts a local to the front: packets to the party leave from it. Bounds the list. */
export function useLocal(locals: readonly Local[], id: number): readonly Local[] {
  const current = locals.filter((local) => local.id === id);
  if (locals[0]?.id === id) return locals.slice(0, MAX_LOCALS);
  return [...current, ...locals.filter((local) => local.id !== id)].slice(0, MAX_LOCALS);
}

/** Bounds the list without losing the local that waits for its answer. */
export function keepLocals(locals: readonly Local[], next: number): readonly Local[] {
  if (locals.length <= MAX_LOCALS) return locals;
  const waiting = locals.filter(({ id }) => id === next);
  return [...locals.filter(({ id }) => id !== next).slice(0, MAX_LOCALS - 1), ...waiting];
}

function serves(local: Local, wish: LocalWish): boolean {
  if (local.interface !== wish.interface || local.address !== wish.address) return false;
  return local.span === 'pair' || wish.span === 'single';
}

/** Ports kept per stream: those in use, and those a party may return to. */
const MAX_LOCALS = 8;
