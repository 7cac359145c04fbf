import { expect, test } from 'vitest';
import { type Carried, CarriedSockets } from '../../../src/control/carried.js';

const LOGGER = { debug() {}, warn() {}, error() {} };

test('a datagram is answered to where it came from, byte by byte', async () => {
  const sent: Carried[] = [];
  const sockets = new CarriedSockets((datagram) => void sent.push(datagram), LOGGER);
  const seen: unknown[] = [];
  sockets.listen(async (frame, from) => {
    seen.push(from);
    return Buffer.from(`re: ${frame.toString('latin1')}`, 'latin1');
  });
  sockets.receive({ socket: 3, client: '192.0.2.1:5060', bytes: 'c \xff\0' });
  sockets.receive({ socket: 0, client: '[2001:db8::1]:5061', bytes: 'd' });
  await expect.poll(() => sent.length).toBe(2);
  expect(seen).toEqual([
    { address: '192.0.2.1', port: 5060 },
    { address: '2001:db8::1', port: 5061 },
  ]);
  expect(sent).toEqual([
    { socket: 3, client: '192.0.2.1:5060', bytes: 're: c \xff\0' },
    { socket: 0, client: '[2001:db8::1]:5061', bytes: 're: d' },
  ]);
});

test('what comes before there is anybody to answer is answered later, in order', async () => {
  const sent: string[] = [];
  const sockets = new CarriedSockets(({ bytes }) => void sent.push(bytes), LOGGER);
  for (const bytes of ['1', '2', '3']) sockets.receive({ socket: 0, client: '192.0.2.1:1', bytes });
  sockets.listen(async (frame) => frame);
  await expect.poll(() => sent).toEqual(['1', '2', '3']);
});

test('no answer is no datagram, and a failure is not fatal', async () => {
  const sent: string[] = [];
  const errors: string[] = [];
  const logger = { ...LOGGER, error: (_: object, text: string) => void errors.push(text) };
  const sockets = new CarriedSockets(({ bytes }) => void sent.push(bytes), logger);
  sockets.listen(async (frame) => {
    if (frame.toString() === 'broken') throw new Error('broken');
    return frame.length > 1 ? undefined : frame;
  });
  for (const bytes of ['broken', 'dropped', '.'])
    sockets.receive({ socket: 0, client: '192.0.2.1:1', bytes });
  await expect.poll(() => sent).toEqual(['.']);
  expect(errors).toEqual(['control request failed']);
});
