import { expect, test } from 'vitest';
import { PortNames } from '../../support/sdp-compare.js';

test('a port has one name in a conversation, also on hold', () => {
  const ports = new PortNames(['127.0.0.1', '127.0.0.2']);
  expect(ports.nameOf(4000, 'IN IP4 127.0.0.1')).toBe('port 1');
  expect(ports.nameOf(4002, 'IN IP4 127.0.0.2')).toBe('port 2');
  expect(ports.nameOf(4000, 'IN IP4 0.0.0.0')).toBe('port 1');
  expect(ports.nameOf(4000, 'IN IP4 127.0.0.1')).toBe('port 1');
});

test('a number that comes again on another address is another port', () => {
  const ports = new PortNames(['127.0.0.1', '127.0.0.2']);
  expect(ports.nameOf(4000, 'IN IP4 127.0.0.1')).toBe('port 1');
  expect(ports.nameOf(4000, 'IN IP4 127.0.0.2')).toBe('port 2');
  expect(ports.nameOf(4000, 'IN IP4 127.0.0.1')).toBe('port 1');
});
