import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Network } from './netns.js';
import type { Starter } from './netns-proxy.js';

export type Capability = 'bpf' | 'net_admin' | 'net_raw';

const ROOT = join(import.meta.dirname, '../..');
const NOBODY = 65_534;

/**
 * The core for an ordinary user with nothing but these capabilities, who owns the directory of the network's files and
 * may pin below `pinDirectory`. The programs are shown under another path, since ours may not be open to everybody.
 */
export function ordinaryUser(
  network: Network,
  pinDirectory: string,
  capabilities: readonly Capability[],
): Starter {
  const programs = join(network.directory, 'programs');
  mkdirSync(programs, { recursive: true });
  mkdirSync(pinDirectory, { recursive: true });
  chownSync(pinDirectory, NOBODY, NOBODY);
  chownSync(network.directory, NOBODY, NOBODY);
  chmodSync(network.directory, 0o755);
  const list = capabilities.map((each) => `+${each}`).join(',') || '-all';
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'];
  const may = [`--inh-caps=${list}`, `--ambient-caps=${list}`];
  return {
    start: (argv, options) =>
      network.core.start(
        [
          'sh',
          '-c',
          'mount --bind "$0" "$1"; shift; exec "$@"',
          ROOT,
          programs,
          ...['setpriv', ...user, ...may],
          ...argv.map((argument) => argument.replace(ROOT, programs)),
        ],
        options,
      ),
  };
}

/** The core for root, who may not load programs. */
export function rootWithoutBpf({ core }: Network): Starter {
  return {
    // CAP_SYS_ADMIN stands for CAP_BPF.
    start: (argv, options) => core.start(['setpriv', '--bounding-set=-bpf,-sys_admin', ...argv], options),
  };
}
