/** As a Kamailio route between browsers says it. */
export const FLAGS: Dictionary = {
  ICE: 'default',
  SDES: ['off'],
  'rtcp-mux': ['offer'],
  replace: ['origin', 'session-connection'],
  flags: ['generate-mid'],
};

export type Dictionary = { readonly [key: string]: string | readonly string[] };

/** What one browser offers is what another answers, but for its part in the handshake. */
export function answerOf(offer: string): string {
  return offer.replaceAll('a=setup:actpass', 'a=setup:active');
}

export function bencode(value: string | readonly string[] | Dictionary): string {
  if (typeof value === 'string') return `${value.length}:${value}`;
  if (isList(value)) return `l${value.map(bencode).join('')}e`;
  return `d${Object.entries(value)
    .map(([key, item]) => bencode(key) + bencode(item))
    .join('')}e`;
}

function isList(value: readonly string[] | Dictionary): value is readonly string[] {
  return Array.isArray(value);
}
