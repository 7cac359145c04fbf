import { expect, test } from 'vitest';
import {
  type Carried,
  CarriedSplitter,
  carried,
  openCarrier,
} from '../../../../src/control/rtpproxy/carrier.js';
import { ReplyCache } from '../../../../src/control/reply-cache.js';
import { RtpproxyResponder } from '../../../../src/control/rtpproxy/responder.js';

const LOGGER = { debug() {}, warn() {}, error() {} };

test('frames are read back however they are cut', () => {
  const sent: Carried[] = [
    { from: Buffer.from('/run/client'), datagram: Buffer.from('1 V') },
    { from: Buffer.from('\0name'), datagram: Buffer.alloc(0) },
    { from: Buffer.from('/x'), datagram: Buffer.from([0, 255, 10]) },
  ];
  const bytes = Buffer.concat(sent.map(carried));
  for (const size of [1, 5, 7, bytes.length]) {
    const splitter = new CarriedSplitter();
    const found: Carried[] = [];
    for (let at = 0; at < bytes.length; at += size)
      found.push(...splitter.push(bytes.subarray(at, at + size)));
    expect(found).toEqual(sent);
  }
});

test('without a supervisor there is nobody to carry datagrams', () => {
  const responder = new RtpproxyResponder({
    handler: async () => ({ kind: 'done' }),
    cache: new ReplyCache(),
    bridged: false,
    notify: [],
    logger: LOGGER,
    clock: () => 0,
  });
  expect(() => openCarrier({ path: '/run/x' }, responder, LOGGER)).toThrow(
    'unix-dgram:/run/x needs the supervisor',
  );
});
