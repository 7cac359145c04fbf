import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { NOTICE_EVENTS } from '../../../src/call/notice.js';
import type { NotifyConfig } from '../../../src/config/schema.js';
import { type Channel, openChannels } from '../../../src/notify/channels.js';
import { httpTarget } from '../../support/http-target.js';
import { NOTICE } from './sample.js';

const NOTHING: NotifyConfig = {
  xmlrpc: null,
  jsonrpc: null,
  webhook: null,
  ngTcp: false,
  dtmf: { udp: null, ngTcp: false, events: false, log: false },
};

function open(config: Partial<NotifyConfig>): {
  readonly tell: Channel['tell'];
  readonly lost: string[];
  readonly channels: readonly Channel[];
} {
  const lost: string[] = [];
  const { channels, clientTargets } = openChannels(
    { ...NOTHING, ...config },
    {
      events: {
        noticeDelivered() {},
        noticeLost: (_, { callId }, reason) => void lost.push(`${callId}: ${reason}`),
        deadLetterUnwritten() {},
      },
      node: 'n1',
      now: Date.now,
    },
  );
  onTestFinished(() => {
    clientTargets.close();
    for (const channel of channels) channel.close();
  });
  return {
    tell: (notice) => {
      for (const channel of channels) channel.tell(notice);
    },
    lost,
    channels,
  };
}

test('each client hears of its own calls only', async () => {
  const one = await httpTarget();
  const other = await httpTarget({ address: '127.0.0.2', port: one.port });
  const { tell } = open({ xmlrpc: { url: `http://%%:${one.port}/RPC2`, format: 'callId' } });
  tell({ ...NOTICE, callId: 'first', createdFrom: '127.0.0.1:1' });
  tell({ ...NOTICE, callId: 'second', createdFrom: '127.0.0.2:1' });
  await expect.poll(() => [one.bodies.length, other.bodies.length]).toEqual([1, 1]);
  expect(one.bodies[0]).toContain('first');
  expect(other.bodies[0]).toContain('second');
});

test('a proxy is not told of a call that goes on, nor of one an operator ended', async () => {
  const proxy = await httpTarget();
  const { tell } = open({ xmlrpc: { url: proxy.url, format: 'dialog' }, jsonrpc: { url: proxy.url } });
  tell({ ...NOTICE, event: 'noFirstPacket' });
  tell({ ...NOTICE, event: 'forced' });
  tell({ ...NOTICE, event: 'lost' });
  await expect.poll(() => proxy.bodies.length).toBe(4);
});

test('a web hook hears only of the events it wants', async () => {
  const hook = await httpTarget();
  const { tell } = open({
    webhook: { url: hook.url, secret: 's', events: ['noFirstPacket'], deadLetterFile: null },
  });
  tell(NOTICE);
  tell({ ...NOTICE, event: 'noFirstPacket', line: 0 });
  await expect.poll(() => hook.bodies.map((body) => JSON.parse(body).event)).toEqual(['noFirstPacket']);
});

test('a letter that nobody takes is kept in its file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-letters-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'letters.jsonl');
  const hook = await httpTarget({ status: 401 });
  const { tell, lost } = open({
    webhook: { url: hook.url, secret: 's', events: NOTICE_EVENTS, deadLetterFile: file },
  });
  tell(NOTICE);
  await expect.poll(() => lost).toEqual(['c1@host: HTTP status 401']);
  await expect.poll(() => JSON.parse(readFileSync(file, 'utf8')).callId).toBe('c1@host');
});
