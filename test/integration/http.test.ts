import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LoopbackCall } from '../support/loopback-call.js';
import { describeLocalPeers } from '../support/netns-peers.js';
import { httpNgClient, webSocketNgClient } from '../support/ng-over-http.js';
import { bencode } from '../support/oracle-ng-client.js';
import { nativeProgram, Process, ROOT } from '../support/process.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';

const NG = 'Content-Type: application/x-rtpengine-ng';

async function withHttp(...settings: readonly string[]): Promise<{ tandem: Tandem; url: string }> {
  const address = loopbackAddress();
  const port = await freePort(address);
  const tandem = await Tandem.start({ settings: [`listen.http=${address}:${port}`, ...settings] });
  return { tandem, url: `http://${address}:${port}` };
}

/** Body and status. */
async function curl(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', ['-s', '-w', ' %{http_code}', ...words]);
  return stdout;
}

describe('ng over HTTP and WebSocket', () => {
  test('sets up, shows and ends calls, each of which the others know', async () => {
    const { tandem, url } = await withHttp();
    const posted = await LoopbackCall.setUp(httpNgClient(url), 'posted');
    const socket = await webSocketNgClient(url);
    const messaged = await LoopbackCall.setUp(socket, 'messaged');
    await posted.talks();
    await messaged.talks();
    const list = await tandem.ng.command({ command: 'list' });
    expect(list).toMatchObject({ calls: ['posted', 'messaged'] });
    expect(await socket.command({ command: 'query', 'call-id': 'posted' })).toMatchObject({ result: 'ok' });
    expect(await posted.delete()).toMatchObject({ result: 'ok' });
    expect(await messaged.delete()).toMatchObject({ result: 'ok' });
    expect(await tandem.ng.command({ command: 'list' })).toMatchObject({ calls: [] });
  });

  test('/metrics counts calls, commands and packets under rtpengine’s names as well', async () => {
    const { tandem, url } = await withHttp();
    const call = await LoopbackCall.setUp(httpNgClient(url), 'counted');
    await call.talks(10);
    expect(await metricsOf(url)).toMatchObject({
      'sessions{type="own"}': 1,
      'requests_total{proxy="127.0.0.1",request="offer"}': 1,
      [`ports{name="default",address="${tandem.address}"}`]: 10_000,
    });
    await call.delete();
    const after = await metricsOf(url);
    expect(after).toMatchObject({
      'sessions{type="own"}': 0,
      'closed_sessions_total{reason="terminated"}': 1,
    });
    expect(after['packets_total{type="userspace"}']).toBeGreaterThanOrEqual(20);
  });

  test('SIGTERM ends WebSockets properly, whatever the data plane still owes them', async () => {
    const { tandem, url } = await withHttp();
    const socket = await webSocketNgClient(url);
    await socket.command({ command: 'ping' });
    const closed = once(socket.socket, 'close');
    tandem.dataPlane.signal('SIGSTOP');
    const offer = { command: 'offer', 'call-id': 'late', 'from-tag': 'a', sdp: SDP };
    void socket.command(offer);
    // Whatever came before this has been read.
    await socket.command({ command: 'ping' });
    tandem.control.signal('SIGTERM');
    expect((await closed)[0]).toBe(1001);
    expect(await tandem.control.exited()).toEqual({ code: 0, signal: null });
  });
});

describeLocalPeers(['curl'], 'curl', () => {
  test('repeats a command, and it is not carried out again', async () => {
    const { tandem, url } = await withHttp();
    await LoopbackCall.setUp(tandem.ng, 'once');
    const frame = `same ${bencode({ command: 'delete', 'call-id': 'once', 'from-tag': 'caller', 'delete-delay': 0 })}`;
    const first = await curl('-H', NG, '--data-binary', frame, `${url}/ng`);
    expect(first).toContain('6:result2:ok');
    expect(await curl('-H', NG, '--data-binary', frame, `${url}/ng`)).toBe(first);
    expect(await curl('-H', NG, '--data-binary', frame.replace('same', 'other'), `${url}/ng`)).toContain(
      '7:warning',
    );
  });

  test('sees what rtpengine would answer', async () => {
    const { url } = await withHttp();
    expect(await curl(`${url}/ping`)).toBe('pong\n 200');
    expect(await curl('-H', NG, '-d', 'c d7:command4:pinge', `${url}/ng`)).toBe('c d6:result4:ponge 200');
    expect(await curl('-H', NG, '-d', 'nocookie', `${url}/ng`)).toBe('error\n 600');
    expect(await curl('-d', 'c d7:command4:pinge', `${url}/ng`)).toBe('not found\n 404');
    expect(await curl('--json', '{"command":"ping"}', `${url}/ng-plain`)).toBe('{"result":"pong"} 200');
    expect(await curl('-H', NG, '-H', 'Transfer-Encoding: chunked', '-d', 'c x', `${url}/ng`)).toMatch(
      / 411$/,
    );
    expect(await curl('-H', NG, '-H', 'Origin: http://evil.example', '-d', 'c x', `${url}/ng`)).toMatch(
      / 403$/,
    );
  });

  test('rtpengine’s options open HTTP and HTTPS', async () => {
    const address = loopbackAddress();
    const [ng, http, https] = [await freePort(address), await freePort(address), await freePort(address)];
    const { certificate, privateKey } = makeCertificate(address);
    const words = ['-t', '-1', '-i', address, '-n', `${address}:${ng}`, '-fE', '--config-file=none'];
    const listeners = [`--listen-http=${address}:${http}`, `--listen-https=${address}:${https}`];
    const files = [`--https-cert=${certificate}`, `--https-key=${privateKey}`];
    const program = new Process('rtpengine', [`${ROOT}bin/rtpengine`, ...words, ...listeners, ...files], {
      TANDEM_SUPERVISOR: nativeProgram('tandem-supervisor'),
    });
    await program.printed(/^ready$/m);
    expect(program.stdout).toContain(`HTTPS on ${address}:${https}\n`);
    expect(await curl(`http://${address}:${http}/ping`)).toBe('pong\n 200');
    const url = `https://${address}:${https}`;
    const frame = ['-H', NG, '-d', 'c d7:command4:pinge'];
    expect(await curl('--cacert', certificate, ...frame, `${url}/ng`)).toBe('c d6:result4:ponge 200');
    const socket = await webSocketNgClient(url, { ca: readFileSync(certificate) });
    expect(await socket.command({ command: 'ping' })).toEqual({ result: 'pong' });
    program.signal('SIGTERM');
    expect(await program.exited()).toEqual({ code: 0, signal: null });
  });
});

/** Samples by name and labels, without `rtpengine_`. */
async function metricsOf(url: string): Promise<Record<string, number>> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).matchAll(/^rtpengine_(\S+) (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, of, value]) => [of, Number(value)]));
}

function makeCertificate(address: string): { certificate: string; privateKey: string } {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-https-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const [certificate, privateKey] = [join(directory, 'tls.pem'), join(directory, 'tls.key')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', privateKey];
  const name = ['-subj', `/CN=${address}`, '-addext', `subjectAltName=IP:${address}`];
  execFileSync('openssl', ['req', '-x509', '-nodes', '-days', '2', ...name, ...key, '-out', certificate], {
    stdio: 'ignore',
  });
  return { certificate, privateKey };
}

const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
