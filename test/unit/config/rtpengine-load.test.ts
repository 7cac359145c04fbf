import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadRtpengine } from '../../../src/config/rtpengine/load.js';
import { describeMistake } from '../../../src/config/value.js';

const HOST = { isLocal: () => true };

function file(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-rtpengine-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'rtpengine.conf');
  writeFileSync(path, text);
  return path;
}

const TWO_SECTIONS = `
[rtpengine]
interface = 127.0.0.1
listen-ng = 127.0.0.1:2223
timeout = 30
[second]
interface = 127.0.0.2
listen-ng = 127.0.0.2:2223
timeout = 40
templates = words
[words]
offer = replace-origin ICE=remove
`;

test('another section of the file counts if it is named', async () => {
  const path = file(TWO_SECTIONS);
  const first = await loadRtpengine([`--config-file=${path}`], HOST);
  const second = await loadRtpengine([`--config-file=${path}`, '--config-section=second'], HOST);
  if (first.kind !== 'config' || second.kind !== 'config') throw new Error('no configuration');
  expect([first.config.timeouts.mediaSeconds, second.config.timeouts.mediaSeconds]).toEqual([30, 40]);
  expect(second.config.listen.ng).toEqual([{ address: '127.0.0.2', port: 2223 }]);
  expect([...second.config.templates]).toEqual([['offer', 'replace-origin ICE=remove']]);
});

test('a template that contradicts itself is refused with its line', async () => {
  const path = file(TWO_SECTIONS.replace('ICE=remove', 'ICE=remove ICE=force'));
  const loaded = await loadRtpengine([`--config-file=${path}`, '--config-section=second'], HOST);
  if (loaded.kind !== 'mistakes') throw new Error('no mistakes');
  expect(loaded.mistakes.map(describeMistake)).toEqual([
    'line 12: templates.offer: "ICE=force" contradicts "ICE=remove"',
  ]);
});
