import { describe, expect, test } from 'vitest';
import { decodeBencode, encodeBencode } from '../../../src/control/ng/bencode.js';
import { callbackUrl } from '../../../src/notify/callback-url.js';
import { jsonrpcBodies, judgeJsonrpc } from '../../../src/notify/jsonrpc.js';
import { ngNotification } from '../../../src/notify/ng-push.js';
import { noticeId } from '../../../src/notify/notice-json.js';
import { judgeWebhook, signature, webhookDelivery } from '../../../src/notify/webhook.js';
import { judgeXmlrpc, type XmlrpcFormat, xmlrpcBodies } from '../../../src/notify/xmlrpc.js';
import { NOTICE } from './sample.js';

function xml(format: XmlrpcFormat, notice = NOTICE): readonly string[] {
  return xmlrpcBodies(format, notice).map((body) => body.toString('latin1'));
}

function param(text: string): string {
  return `<param><value><string>${text}</string></value></param>`;
}

describe('XML-RPC', () => {
  test('for SEMS there is a call for each tag', () => {
    const body = (tag: string): string =>
      `<?xml version="1.0"?>\n<methodCall><methodName>di</methodName><params>${param('sbc')}${param('postControlCmd')}` +
      `${param(tag)}${param('teardown')}</params></methodCall>\n`;
    expect(xml('sems')).toEqual([body('a'), body('b'), body('c')]);
  });

  test('by Call-ID there is one call', () => {
    expect(xml('callId')).toEqual([
      `<?xml version="1.0"?>\n<methodCall><methodName>teardown</methodName><params>${param('c1@host')}</params></methodCall>\n`,
    ]);
  });

  test('for Kamailio there is a call for each pair of parties, in one orientation', () => {
    const body = (to: string): string =>
      `<?xml version="1.0"?>\n<methodCall><methodName>dlg.terminate_dlg</methodName><params>${param('c1@host')}` +
      `${param('a')}${param(to)}</params></methodCall>\n`;
    expect(xml('dialog')).toEqual([body('b'), body('c')]);
  });

  test('a call nobody has answered has no dialogue to end', () => {
    expect(xml('dialog', { ...NOTICE, dialogues: [], tags: ['a'] })).toEqual([]);
    expect(xml('sems', { ...NOTICE, dialogues: [], tags: ['a'] })).toHaveLength(1);
  });

  test('text from SIP keeps its bytes and cannot leave its element', () => {
    const [body = ''] = xml('callId', { ...NOTICE, callId: `<&"'>\xc3\xa9` });
    expect(body).toContain('<string>&#60;&#38;&#34;&#39;&#62;\xc3\xa9</string>');
  });

  const fault = (text: string): string =>
    `<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>500</int></value></member>` +
    `<member><name>faultString</name><value><string>${text}</string></value></member></struct></value></fault></methodResponse>`;

  test.each(['Couldnt find callid in dialog', "Couldn't find callid in dialog", 'dialog not found'])(
    'a proxy that no longer has the dialogue (%s) is told enough',
    (text) => {
      expect(judgeXmlrpc({ status: 200, body: fault(text) })).toEqual({ kind: 'done' });
    },
  );

  test('another fault is tried again, any other answer is not', () => {
    expect(judgeXmlrpc({ status: 200, body: fault('busy') })).toEqual({
      kind: 'refused',
      reason: 'busy',
      forGood: false,
    });
    expect(judgeXmlrpc({ status: 200, body: '' })).toEqual({ kind: 'done' });
    expect(judgeXmlrpc({ status: 403, body: 'Forbidden' })).toEqual({
      kind: 'done',
      remark: 'HTTP status 403',
    });
  });
});

describe('JSON-RPC', () => {
  test('ends each dialogue', () => {
    expect(jsonrpcBodies(NOTICE).map(String)).toEqual([
      '{"jsonrpc":"2.0","method":"dlg.terminate_dlg","params":["c1@host","a","b"],"id":1}',
      '{"jsonrpc":"2.0","method":"dlg.terminate_dlg","params":["c1@host","a","c"],"id":2}',
    ]);
  });

  test('an unknown dialogue is fine, another error is tried again', () => {
    const error = (message: string): string =>
      JSON.stringify({ jsonrpc: '2.0', error: { code: 500, message }, id: 1 });
    expect(judgeJsonrpc({ status: 200, body: '{"jsonrpc":"2.0","result":{},"id":1}' })).toEqual({
      kind: 'done',
    });
    expect(judgeJsonrpc({ status: 500, body: error('Couldnt find callid in dialog') })).toEqual({
      kind: 'done',
    });
    expect(judgeJsonrpc({ status: 200, body: error('Method Not Found') })).toMatchObject({
      kind: 'refused',
      reason: 'Method Not Found',
    });
    expect(judgeJsonrpc({ status: 403, body: 'Forbidden' })).toMatchObject({ reason: 'HTTP status 403' });
  });
});

describe('the web hook', () => {
  const delivery = webhookDelivery(NOTICE, { node: 'n1', secret: 'key' });

  test('carries everything that is known', () => {
    expect(JSON.parse(delivery.body.toString())).toEqual({
      id: delivery.id,
      event: 'mediaTimeout',
      reason: 'no media from anybody',
      ended: true,
      node: 'n1',
      callId: 'c1@host',
      fromTag: 'a',
      toTag: 'b',
      dialogues: [
        { fromTag: 'a', toTag: 'b' },
        { fromTag: 'a', toTag: 'c' },
      ],
      tags: ['a', 'b', 'c'],
      media: ['audio'],
      line: null,
      createdAt: '2026-01-01T12:00:00.000Z',
      at: '2026-01-01T12:05:00.000Z',
      lastPacketAt: '2026-01-01T12:04:00.000Z',
    });
  });

  test('is signed over the body as it is sent', () => {
    // As `openssl dgst -sha256 -hmac key` says.
    expect(signature(Buffer.from('The quick brown fox jumps over the lazy dog'), 'key')).toBe(
      'sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8',
    );
    expect(delivery.headers['X-Tandem-Signature']).toBe(signature(delivery.body, 'key'));
  });

  test('is repeated after a passing trouble only', () => {
    expect(judgeWebhook({ status: 204, body: '' })).toEqual({ kind: 'done' });
    expect(judgeWebhook({ status: 503, body: '' })).toMatchObject({ kind: 'refused', forGood: false });
    expect(judgeWebhook({ status: 429, body: '' })).toMatchObject({ kind: 'refused', forGood: false });
    expect(judgeWebhook({ status: 401, body: '' })).toMatchObject({ kind: 'refused', forGood: true });
  });

  test('has one id for one thing, whenever it is told', () => {
    expect(noticeId({ ...NOTICE, atMs: 0 })).toBe(noticeId(NOTICE));
    expect(noticeId({ ...NOTICE, createdMs: 0 })).not.toBe(noticeId(NOTICE));
    const silent = { ...NOTICE, event: 'noFirstPacket', line: 0 } as const;
    expect(noticeId({ ...silent, tags: ['a'] })).not.toBe(noticeId({ ...silent, tags: ['b'] }));
  });
});

describe('the ng notification', () => {
  test('has the shape of the protocol', () => {
    const encoded = encodeBencode(ngNotification(NOTICE));
    expect(encoded).toBe(
      'd6:notify11:onCallEnded4:datad6:callid7:c1@host8:from_tag1:a6:to_tag1:b4:tagsl1:a1:b1:ce' +
        '4:type12:mediaTimeout5:medial5:audioe9:timestampi1767269100e11:last_packeti1767269040eee',
    );
    expect(decodeBencode(Buffer.from(encoded))).toBeDefined();
  });
});

describe('the callback URL', () => {
  const url = 'http://%%:5060/RPC2';

  test.each([
    ['who made the call', {}, 'http://192.0.2.5:5060/RPC2'],
    ['whom the call names', { callback: '192.0.2.9' }, 'http://192.0.2.9:5060/RPC2'],
    ['an IPv6 client, in brackets', { createdFrom: '2001:db8::1:41000' }, 'http://[2001:db8::1]:5060/RPC2'],
    ['an IPv6 callback, in brackets', { callback: '2001:db8::2' }, 'http://[2001:db8::2]:5060/RPC2'],
    ['this machine, for a client on a Unix socket', { createdFrom: ':0' }, 'http://127.0.0.1:5060/RPC2'],
    ['nobody a call names by a trick', { callback: 'x@evil.example/' }, 'http://192.0.2.5:5060/RPC2'],
  ])('leads to %s', (_, more, expected) => {
    expect(callbackUrl(url, { ...NOTICE, ...more })).toBe(expected);
  });

  test('without a placeholder is the same for all', () => {
    expect(callbackUrl('http://192.0.2.1/', { ...NOTICE, callback: '192.0.2.9' })).toBe('http://192.0.2.1/');
  });
});
