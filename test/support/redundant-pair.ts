import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './netns-until.js';
import { RedisServer } from './redis.js';
import { loopbackAddress, Tandem } from './tandem.js';

/** Nodes of one group, with one media address for all of them: who is killed leaves its ports to the others. */
export class RedundantGroup {
  readonly redis: RedisServer;
  readonly media: string;
  readonly #keyFile: string;

  private constructor(redis: RedisServer, media: string, keyFile: string) {
    this.redis = redis;
    this.media = media;
    this.#keyFile = keyFile;
  }

  static async start(): Promise<RedundantGroup> {
    const directory = mkdtempSync(join(tmpdir(), 'tandem-group-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const keyFile = join(directory, 'group.key');
    writeFileSync(keyFile, `${randomBytes(32).toString('base64')}\n`);
    return new RedundantGroup(await RedisServer.open(), loopbackAddress(), keyFile);
  }

  node(name: string, settings: readonly string[] = []): Promise<Tandem> {
    return Tandem.start({
      settings: [
        `interfaces=${this.media}`,
        `replication.redis=${this.redis.place}`,
        `replication.keyFile=${this.#keyFile}`,
        `replication.node=${name}`,
        ...settings,
      ],
    });
  }
}

/** What the node answers on its command line. */
export async function cli(node: Tandem, line: string): Promise<string> {
  const { response } = await node.ng.command({ command: 'cli', body: line });
  return String(response);
}

/** Until the node knows so many calls of others. */
export async function knows(node: Tandem, calls: number): Promise<void> {
  const line = new RegExp(`^Current sessions foreign: ${calls}$`, 'm');
  await until(
    `${calls} foreign calls`,
    async () => line.test(await cli(node, 'list numsessions')) || undefined,
  );
}

/** A crash of the whole node. */
export async function crash(node: Tandem): Promise<void> {
  await Promise.all([node.control.kill('SIGKILL'), node.dataPlane.kill('SIGKILL')]);
}
