import { describe, expect, test } from 'vitest';
import { MAX_BODY_BYTES } from '../../../src/http/body.js';
import { startedHttp } from './started.js';

function post(url: string, line: string, type = 'text/plain'): Promise<Response> {
  return fetch(`${url}/cli`, { method: 'POST', body: line, headers: { 'Content-Type': type } });
}

describe('the command line over HTTP', () => {
  test('carries out what is posted', async () => {
    const { url } = await startedHttp();
    const reply = await post(url, 'set timeout 7');
    expect(reply.headers.get('content-type')).toBe('text/plain');
    expect(await reply.text()).toBe('did set timeout 7\n');
  });

  test('takes no other content type, and nothing endless', async () => {
    const { url } = await startedHttp();
    expect((await post(url, 'list totals', 'application/json')).status).toBe(404);
    expect((await post(url, 'x'.repeat(MAX_BODY_BYTES + 1))).status).toBe(413);
  });

  test('shows what is got, its words joined by plus signs', async () => {
    const { url } = await startedHttp();
    const reply = await fetch(`${url}/cli/list+sessions+a%40h?x=1`);
    expect([reply.status, await reply.text()]).toEqual([200, 'saw list sessions a@h\n']);
    expect((await fetch(`${url}/cli/%`)).status).toBe(404);
    expect((await fetch(`${url}/cli`)).status).toBe(404);
  });

  test('a GET changes nothing, since a web page can have a browser send one unnoticed', async () => {
    const { url } = await startedHttp();
    expect((await fetch(`${url}/cli/set+timeout+7`)).status).toBe(405);
  });

  test('is not for web pages', async () => {
    const { url } = await startedHttp();
    const headers = { Origin: 'https://evil.example', 'Content-Type': 'text/plain' };
    expect((await fetch(`${url}/cli`, { method: 'POST', body: 'terminate all', headers })).status).toBe(403);
  });
});
