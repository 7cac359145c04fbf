import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { canonical } from './addresses.js';

/**
 * The addresses this host has. Node lists those of interfaces with a carrier only; the kernel's tables have the others
 * as well, to which sockets can be bound all the same: a cable that is not plugged in yet, a standby's uplink.
 */
export function ownAddresses(): ReadonlySet<string> {
  const listed = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return new Set([
    ...listed.map(({ address }) => canonical(address)),
    ...addressesOfFibTrie(readTable('fib_trie')),
    ...addressesOfIfInet6(readTable('if_inet6')),
  ]);
}

/** From `/proc/net/fib_trie`: an address, and on the next line that it is the host's own. */
export function addressesOfFibTrie(text: string): readonly string[] {
  return [...text.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address);
}

/** From `/proc/net/if_inet6`: an address of 32 digits without colons at the beginning of each line. */
export function addressesOfIfInet6(text: string): readonly string[] {
  return [...text.matchAll(/^([0-9a-f]{32}) /gm)].map(([, digits = '']) =>
    canonical(digits.replaceAll(/(.{4})(?=.)/g, '$1:')),
  );
}

function readTable(name: string): string {
  try {
    return readFileSync(`/proc/self/net/${name}`, 'utf8');
  } catch {
    // A system without IPv6, or without the table.
    return '';
  }
}
