/** An error as the protocol knows it: by number. */
export type ErrorReply = { readonly kind: 'error'; readonly number: number };

export function error(number: number): ErrorReply {
  return { kind: 'error', number };
}
