import { expect, test } from 'vitest';
import { LoopbackCall } from '../support/loopback-call.js';
import { ngClient } from '../support/loopback-ng.js';
import { until } from '../support/netns-until.js';
import { nativeProgram, Process, ROOT } from '../support/process.js';
import { SupervisedTandem } from '../support/supervised.js';
import { freePort, loopbackAddress } from '../support/tandem.js';

async function rtpengine(...words: readonly string[]) {
  const address = loopbackAddress();
  const port = await freePort(address);
  const options = ['--config-file=none', '-i', address, '-n', `${address}:${port}`, '-t', '-1', '-f'];
  const program = new Process('rtpengine', [`${ROOT}bin/rtpengine`, ...options, ...words], {
    TANDEM_SUPERVISOR: nativeProgram('tandem-supervisor'),
  });
  await program.printed(/^ready$/m);
  const ng = ngClient(address, port);
  const said = async (body: string): Promise<unknown> =>
    (await ng.command({ command: 'cli', body })).response;
  return { program, ng, said };
}

test('with rtpengine’s options SIGUSR2 makes it say more, SIGUSR1 less, and calls go on', async () => {
  const { program, ng, said } = await rtpengine();
  const call = await LoopbackCall.setUp(ng, 'call');
  const becomes = (level: number) =>
    until(`level ${level}`, async () =>
      (await said('list loglevel core')) === `${level}\n` ? level : undefined,
    );
  await becomes(6);
  program.signal('SIGUSR2');
  await becomes(7);
  program.signal('SIGUSR1');
  await becomes(6);
  program.signal('SIGUSR1');
  await becomes(5);
  expect(await said('params diff')).toMatch(/^log-level-core: 6 => 5\n(?:log-level-\w+: 6 => 5\n)+$/);
  await call.talks();
  expect(program.stderr).not.toContain('Debugger');
});

test('bin/tandem does nothing at SIGUSR1, and at SIGUSR2 takes calls again', async () => {
  const tandem = await SupervisedTandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'call');
  tandem.process.signal('SIGHUP');
  await tandem.process.printed(/draining=true/);
  tandem.process.signal('SIGUSR1');
  tandem.process.signal('SIGUSR2');
  await tandem.process.printed(/draining=false/);
  await call.talks();
  await LoopbackCall.setUp(tandem.ng, 'another');
  expect(tandem.process.stderr).not.toMatch(/Debugger|changed by the operator/);
});

test('rtpengine’s log-facility-cdr has a line written for each call that ends, whatever the log level is', async () => {
  const { program, ng } = await rtpengine('--log-facility-cdr=local5', '-L', '4');
  const call = await LoopbackCall.setUp(ng, 'the call');
  await call.talks();
  await call.delete();
  const [line] = await program.printed(/^.* record ci=the%20call, created_from=127\.0\.0\.1:\d+, .*$/m);
  expect(line).toContain(' ml0_termination=REGULAR, ');
  expect(line).toMatch(/ ml0_midx1_rtp_endpoint_ip=127\.[\d.]+, .* ml0_midx1_rtp_relayed_packets=[1-9]/);
  expect(program.stderr).not.toContain('call created');
});
