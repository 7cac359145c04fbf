import { existsSync } from 'node:fs';
import { describe } from 'vitest';
import { namespacesMissing } from './netns.js';

const PACKAGES = {
  kamailio: 'kamailio',
  tshark: 'tshark',
  sipp: 'sip-tester',
  tcpdump: 'tcpdump',
  rtpengine: 'rtpengine-daemon',
  iptables: 'iptables',
  socat: 'socat',
  ethtool: 'ethtool',
  chromium: 'chromium',
  baresip: 'baresip',
  turnserver: 'coturn',
  curl: 'curl',
  'rtpengine-ctl': 'rtpengine-utils',
} as const;

export type Peer = keyof typeof PACKAGES;

/**
 * A `describe` whose tests need programs of other projects and network namespaces. What is missing is named in the
 * title and the tests are skipped; with `TANDEM_REQUIRE_PEERS=1` they fail instead.
 */
export function describePeers(peers: readonly Peer[], title: string, tests: () => void): void {
  describeWith([...missingPeers(peers), ...[namespacesMissing() ?? []].flat()], title, tests);
}

/** The same without namespaces. */
export function describeLocalPeers(peers: readonly Peer[], title: string, tests: () => void): void {
  describeWith(missingPeers(peers), title, tests);
}

function describeWith(missing: readonly string[], title: string, tests: () => void): void {
  if (missing.length === 0) {
    describe(title, tests);
  } else if (process.env.TANDEM_REQUIRE_PEERS === '1') {
    throw new Error(`${title}: ${missing.join('; ')}`);
  } else {
    describe.skip(`${title} (skipped: ${missing.join('; ')})`, tests);
  }
}

function missingPeers(peers: readonly Peer[]): string[] {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`.split(':');
  return peers
    .filter((peer) => !path.some((directory) => existsSync(`${directory}/${peer}`)))
    .map((peer) => `${peer} is missing (Debian package ${PACKAGES[peer]})`);
}
