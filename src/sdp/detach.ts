/**
 * A copy that does not keep alive the text it was cut from. V8 represents a cut of 13 characters or more as a view
 * of the original: a call that stored one would hold the whole SDP body.
 */
export function detach(text: string): string {
  return text.length < 13 ? text : ` ${text}`.slice(1);
}
