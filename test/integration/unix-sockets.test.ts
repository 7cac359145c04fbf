import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { describeLocalPeers } from '../support/netns-peers.js';
import { Process } from '../support/process.js';
import { overStream } from '../support/rtpproxy-client.js';
import { SupervisedTandem } from '../support/supervised.js';

async function start(): Promise<{ readonly tandem: SupervisedTandem; readonly directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-unix-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const listen = ['unix', 'cunix', 'unix-dgram'].map((kind) => `${kind}:${directory}/${kind}`);
  const tandem = await SupervisedTandem.start([
    `listen.rtpproxy=${listen.join(';')}`,
    'rtpproxy.socketMode=600',
  ]);
  return { tandem, directory };
}

/** Sends one datagram from a socket of its own and prints what comes back. */
function socat(directory: string, name: string, line: string): Process {
  const to = `UNIX-SENDTO:${directory}/unix-dgram,bind=${directory}/${name}`;
  const client = new Process(name, ['socat', '-', to], {}, 'open');
  client.write(line);
  return client;
}

describeLocalPeers(['socat'], 'Unix sockets of the rtpproxy protocol', () => {
  it('are answered in all three ways, are ours alone, and go with the program', async () => {
    const { tandem, directory } = await start();
    expect(await overStream({ path: `${directory}/unix` }, 'V')).toBe('20040107\n');
    expect(await overStream({ path: `${directory}/cunix` }, 'V\nVF 1\n', 2)).toBe('20040107\n0\n');
    const [one, other] = [
      socat(directory, 'one', 'same VF 20050322'),
      socat(directory, 'other', 'same VF 1'),
    ];
    // The same cookie of two clients is two requests.
    await expect.poll(() => one.stdout).toBe('same 1\n');
    await expect.poll(() => other.stdout).toBe('same 0\n');
    for (const kind of ['unix', 'cunix', 'unix-dgram']) {
      expect(statSync(`${directory}/${kind}`).mode & 0o777).toBe(0o600);
    }
    tandem.process.signal('SIGTERM');
    await tandem.process.exited();
    for (const kind of ['unix', 'cunix', 'unix-dgram'])
      expect(existsSync(`${directory}/${kind}`)).toBe(false);
  });

  it('what comes while the control plane restarts is answered by its next life', async () => {
    const { tandem, directory } = await start();
    tandem.crash('main.js');
    // What came a moment earlier was the dying one's.
    await tandem.process.printed(/died program="control plane"/);
    const client = socat(directory, 'client', '1 V');
    const connection = overStream({ path: `${directory}/unix` }, 'V');
    await expect.poll(() => client.stdout).toBe('1 20040107\n');
    expect(await connection).toBe('20040107\n');
    expect(await overStream({ path: `${directory}/cunix` }, 'V\n', 1)).toBe('20040107\n');
  });
});
