import { describe, expect, it } from 'vitest';
import { addressesOfFibTrie, addressesOfIfInet6, ownAddresses } from '../../../src/config/own-addresses.js';

describe("this host's addresses", () => {
  it('of IPv4 are the local ones of the routing table, not networks, broadcasts and neighbours', () => {
    const table = `Main:
  +-- 10.77.1.0/24 2 0 2
     |-- 10.77.1.0
        /24 link UNICAST
Local:
  +-- 10.77.1.0/24 2 0 2
     |-- 10.77.1.10
        /32 host LOCAL
     |-- 10.77.1.255
        /32 link BROADCAST
  +-- 127.0.0.0/8 2 0 2
     +-- 127.0.0.0/31 1 0 0
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
`;
    expect(addressesOfFibTrie(table)).toEqual(['10.77.1.10', '127.0.0.1']);
  });

  it('of IPv6 are those of all interfaces', () => {
    const table = `fd770001000000000000000000000010 02 40 00 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
`;
    expect(addressesOfIfInet6(table)).toEqual(['fd77:1::10', '::1']);
  });

  it('are read where they are, and a table that is missing has none', () => {
    expect(ownAddresses()).toContain('127.0.0.1');
    expect([addressesOfFibTrie(''), addressesOfIfInet6('')]).toEqual([[], []]);
  });
});
