/** Something a client asks for. */
type Asked = { readonly kind: string };

export type EntranceRules<C, R> = {
  /** Settles when calls and data plane agree. */
  readonly ready: Promise<unknown>;
  /** Asks nothing of calls or data plane: answered at once. */
  readonly isFree: (command: C) => boolean;
  /** How long a client is kept waiting, in milliseconds. */
  readonly patienceMs: number;
  readonly refusal: (command: C) => R;
};

/**
 * Lets commands in while the program still starts: clients learn at once that it is there, and what concerns calls
 * waits until they are known, so that no command meets an empty registry.
 */
export function entrance<C extends Asked, X, R>(
  handle: (command: C, client: X) => Promise<R>,
  { ready, isFree, patienceMs, refusal }: EntranceRules<C, R>,
): (command: C, client: X) => Promise<R> {
  let open = false;
  ready.then(
    () => {
      open = true;
    },
    // The caller of `ready` deals with its failure; nobody is let in.
    () => {},
  );
  return (command, client) => (open || isFree(command) ? handle(command, client) : late(command, client));

  async function late(command: C, client: X): Promise<R> {
    const inTime = await Promise.race([ready.then(() => true), after(patienceMs)]);
    return inTime ? handle(command, client) : refusal(command);
  }
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms).unref();
  });
}
