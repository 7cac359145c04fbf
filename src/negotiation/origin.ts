import type { ToldOrigin } from '../call/call.js';
import type { ReplaceItem } from '../command/flags.js';
import { formatOrigin, type NetworkAddress, type Origin } from '../sdp/address.js';
import { detach } from '../sdp/detach.js';
import { textHash } from './template.js';

export type OriginRules = {
  readonly source: Origin;
  readonly told: ToldOrigin;
  readonly replace: ReadonlySet<ReplaceItem>;
  /** Our address, as printed for the first usable media. */
  readonly ours: NetworkAddress;
  /** The body without `o=`. */
  readonly rest: string;
};

/** Writes `o=` and remembers what has to stay the same in later bodies for this party. */
export function tellOrigin(rules: OriginRules): { readonly value: string; readonly told: ToldOrigin } {
  const { source, replace, ours } = rules;
  const all = replace.has('origin-full');
  let told = rules.told;

  let { username, sessionId, version, address } = source;
  if (all || replace.has('username')) {
    username = told.username ?? detach(username);
    told = { ...told, username };
  }
  if (all) {
    sessionId = told.sessionId ?? detach(sessionId);
    told = { ...told, sessionId };
  }
  if (all || replace.has('origin')) {
    const text = told.address ?? detach(ours.address);
    address = { family: text.includes(':') ? 'IP6' : 'IP4', address: text };
    told = { ...told, address: text };
  }
  if (all || replace.has('SDP-version') || replace.has('force-increment-sdp-ver')) {
    const bodyHash = textHash(
      `${formatOrigin({ username, sessionId, version: '', address })}\n${rules.rest}`,
    );
    version = nextVersion(told, version, bodyHash, replace.has('force-increment-sdp-ver'));
    told = { ...told, version: detach(version), bodyHash };
  }
  return { value: formatOrigin({ username, sessionId, version, address }), told };
}

/** Starts with the version of the first source; one more whenever the body is another. */
function nextVersion(told: ToldOrigin, source: string, bodyHash: string, force: boolean): string {
  if (told.version === undefined) return source;
  if (told.bodyHash === bodyHash && !force) return told.version;
  // Versions are often NTP timestamps, beyond what a number can count.
  return /^\d{1,40}$/.test(told.version) ? `${BigInt(told.version) + 1n}` : source;
}
