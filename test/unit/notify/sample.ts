import type { Notice } from '../../../src/call/notice.js';

/** A forked call of which both branches have answered. */
export const NOTICE: Notice = {
  event: 'mediaTimeout',
  callId: 'c1@host',
  createdMs: Date.UTC(2026, 0, 1, 12, 0, 0),
  atMs: Date.UTC(2026, 0, 1, 12, 5, 0),
  createdFrom: '192.0.2.5:41000',
  dialogues: [
    { fromTag: 'a', toTag: 'b' },
    { fromTag: 'a', toTag: 'c' },
  ],
  tags: ['a', 'b', 'c'],
  media: ['audio'],
  lastPacketMs: Date.UTC(2026, 0, 1, 12, 4, 0),
};
