import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LINKS, type Network, type Party } from './netns.js';
import type { Agent } from './netns-agent.js';
import { addressOf } from './netns-site.js';
import { until } from './netns-until.js';

/** baresip as a phone that answers by itself and hums a tone. */
export type Baresip = {
  dial(uri: string): Promise<void>;
  hangUp(): Promise<void>;
  /** Waits for a line of its log. */
  said(pattern: RegExp): Promise<void>;
  log(): string;
  stop(): Promise<void>;
};

export type BaresipOptions = {
  readonly user: string;
  /** baresip's name of the way media is protected. */
  readonly encryption: 'srtp-mand' | 'dtls_srtp';
  readonly ice: boolean;
};

const CONSOLE = { address: '127.0.0.1', port: 5555 };
const MODULES = ['g711', 'ausine', 'aubridge', 'cons', 'srtp', 'dtls_srtp', 'ice'];

let instances = 0;

export async function startBaresip(
  network: Network,
  party: Party,
  agent: Agent,
  options: BaresipOptions,
): Promise<Baresip> {
  instances += 1;
  const directory = join(network.directory, `baresip-${instances}`);
  mkdirSync(directory);
  const file = (name: string): string => join(directory, name);
  writeFileSync(file('config'), configuration(party));
  writeFileSync(file('accounts'), account(party, options));
  writeFileSync(file('contacts'), '');
  writeFileSync(file('log'), '');
  const running = network.parties[party].start(['baresip', '-f', directory, '-v'], { log: file('log') });
  const log = (): string => readFileSync(file('log'), 'utf8');
  const said = async (pattern: RegExp): Promise<void> => {
    await until(`${pattern} from baresip`, () => {
      if (running.child.exitCode !== null) throw new Error(`baresip ended: ${log()}`);
      return pattern.test(log()) ? true : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${log()}`);
    });
  };
  const command = (line: string): Promise<void> => agent.send(CONSOLE, Buffer.from(`/${line}\n`));
  await said(/200 OK/);
  return {
    dial: (uri) => command(`dial ${uri}`),
    hangUp: () => command('hangup'),
    said,
    log,
    stop: () => running.stop(),
  };
}

function configuration(party: Party): string {
  return [
    'poll_method epoll',
    `sip_listen ${addressOf(party)}:5060`,
    'sip_trans_def udp',
    'call_max_calls 4',
    'audio_source ausine,440',
    'ausrc_srate 48000',
    'ausrc_channels 2',
    'audio_player aubridge,heard',
    'audio_alert aubridge,ringing',
    'rtp_ports 40000-40100',
    'module_path /usr/lib/baresip/modules',
    ...MODULES.map((module) => `module ${module}.so`),
    'module_tmp uuid.so',
    'module_app account.so',
    'module_app menu.so',
    `cons_listen ${CONSOLE.address}:${CONSOLE.port}`,
    '',
  ].join('\n');
}

function account(party: Party, { user, encryption, ice }: BaresipOptions): string {
  const uri = `sip:${user}@${LINKS[party].core};transport=udp`;
  const nat = ice ? ';medianat=ice' : '';
  return `<${uri}>;regint=600;answermode=auto;audio_codecs=PCMU;mediaenc=${encryption}${nat}\n`;
}
