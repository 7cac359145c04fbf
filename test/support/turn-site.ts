import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createNetwork, LINKS, type Network, type Running } from './netns.js';
import { compileAgent, startAgent } from './netns-agent.js';
import { type RunningProxy, startProxy } from './netns-proxy.js';
import { until } from './netns-until.js';
import { createNgClient, type NgClient, repeating } from './oracle-ng-client.js';
import { WebRtcPeer } from './webrtc-peer.js';
import { keepLog } from './test-log.js';

export type TurnSiteOptions = {
  /** Tandem's password, if it is not the right one. */
  readonly password?: string;
};

/**
 * Tandem and a party are in the network of `alice`, another party in that of `bob`; the core between them lets nothing
 * pass but what its TURN server (coturn) relays.
 */
export class TurnSite {
  readonly network: Network;
  readonly proxy: RunningProxy;
  readonly ng: NgClient;
  #turnServer: Running;

  private constructor(network: Network, proxy: RunningProxy, ng: NgClient, turnServer: Running) {
    this.network = network;
    this.proxy = proxy;
    this.ng = ng;
    this.#turnServer = turnServer;
  }

  static async start({ password = PASSWORD }: TurnSiteOptions = {}): Promise<TurnSite> {
    const network = await createNetwork();
    onTestFinished(() => network[Symbol.asyncDispose]());
    await network.core.run(['iptables', '-w', '-P', 'FORWARD', 'DROP']);
    const turnServer = startTurnServer(network);
    const agent = startAgent(network.parties.alice, await compileAgent(network));
    const proxy = startProxy('tandem', network.parties.alice, {
      interfaces: [{ name: 'net', bind: LINKS.alice.party }],
      control: CONTROL,
      deleteDelaySeconds: 0,
      ports: [20_000, 22_000],
      directory: network.directory,
      tandem: {
        turn: { server: `${LINKS.alice.core}:${TURN_PORT}`, username: USERNAME, password },
        log: { level: 'debug' },
        listen: { ng: [`${CONTROL.address}:${CONTROL.port}`], http: [HTTP] },
      },
    });
    const ng = createNgClient(repeating((datagram) => agent.exchange(CONTROL, datagram, 2000)));
    onTestFinished(async ({ task }) => {
      keepLog(task, 'tandem', proxy.log());
      await Promise.all([proxy.running.stop(), agent.stop(), turnServer.stop('SIGKILL')]);
    });
    await until('Tandem to answer', () => ng.command({ command: 'ping' }).catch(() => undefined));
    return new TurnSite(network, proxy, ng, turnServer);
  }

  /** A WebRTC endpoint in one of the networks. */
  peer(party: 'alice' | 'bob'): WebRtcPeer {
    const launcher = ['ip', 'netns', 'exec', this.network.parties[party].name];
    return new WebRtcPeer(LINKS[party].party, launcher);
  }

  /** What the TURN server has logged. */
  served(): string {
    return execFileSync('cat', [join(this.network.directory, TURN_LOG)], { encoding: 'utf8' });
  }

  /** What Tandem tells Prometheus. */
  metrics(): Promise<string> {
    return this.network.parties.alice.run([process.execPath, '-e', FETCH]);
  }

  /** The TURN server falls silent, as one that is gone. */
  silence(): void {
    this.#turnServer.child.kill('SIGSTOP');
    onTestFinished(() => void this.#turnServer.child.kill('SIGCONT'));
  }
}

function startTurnServer(network: Network): Running {
  const options = [
    ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--log-file=stdout', '--verbose', '--lt-cred-mech'],
    ...[`--listening-ip=${LINKS.alice.core}`, `--listening-port=${TURN_PORT}`, '--relay-threads=1'],
    ...[`--relay-ip=${LINKS.bob.core}`, '--realm=tandem.test', `--user=${USERNAME}:${PASSWORD}`],
    ...[`--pidfile=${join(network.directory, 'turnserver.pid')}`, `--userdb=${network.directory}/turndb`],
  ];
  return network.core.start(['turnserver', ...options], { log: join(network.directory, TURN_LOG) });
}

const CONTROL = { address: '127.0.0.1', port: 2223 };
const HTTP = '127.0.0.1:2225';
const TURN_PORT = 3478;
const TURN_LOG = 'turnserver.log';
const FETCH = `fetch('http://${HTTP}/metrics').then((got) => got.text()).then(console.log)`;
const USERNAME = 'tandem';
export const PASSWORD = 'not to be found in any log';
