import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startCapture } from '../support/capture.js';
import { addNat } from '../support/netns.js';
import { countedPackets, startCall } from '../support/netns-call.js';
import { expectExchanged, expectRelayed, talk } from '../support/netns-media.js';
import { describePeers } from '../support/netns-peers.js';
import { proxyUnderTest } from '../support/netns-proxy.js';
import { createSite, PROXY_PORTS, type Site, tidyUp } from '../support/netns-site.js';

const PUBLIC = '203.0.113.5';

describePeers(['kamailio', 'sipp', 'tcpdump', 'iptables'], 'calls between two networks', () => {
  let site: Site;
  beforeAll(async () => {
    site = await createSite({
      proxy: proxyUnderTest(),
      interfaces: [
        { name: 'internal', bind: '10.77.1.1' },
        { name: 'external', bind: '10.77.2.1', advertise: PUBLIC },
      ],
      kamailio: { internalNet: '10.77.1.0/24', proxyTimeoutMs: 150 },
    });
    await addNat(site.network, 'bob', PUBLIC, PROXY_PORTS.join(':'));
  });
  afterEach((test) => tidyUp(site, test));
  afterAll(() => site?.[Symbol.asyncDispose]());

  it('each side is told the address of its own network, the outer one behind NAT', async () => {
    const capture = await startCapture(site.network);
    const call = await startCall(site, { uac: 'uac-call.xml', uas: 'uas-call.xml' });
    const { alice, bob } = await call.ends('answered', 'invited');
    expect(alice.note.remote.address).toBe('10.77.1.1');
    expect(bob.note.remote.address).toBe(PUBLIC);
    const streams = await talk(alice, bob);
    await expectExchanged(streams, alice, bob);
    await call.proceed();
    await call.over();
    const packets = await capture.finish();
    for (const stream of streams) expectRelayed(packets, stream);
  });

  it('a late offer crosses the networks the other way round', async () => {
    const call = await startCall(site, { uac: 'uac-late-offer.xml', uas: 'uas-late-offer.xml' });
    const { alice, bob } = await call.ends('offered', 'answered');
    expect(alice.note.remote.address).toBe('10.77.1.1');
    expect(bob.note.remote.address).toBe(PUBLIC);
    await expectExchanged(await talk(alice, bob), alice, bob);
    await call.proceed();
    await call.over();
  });

  it('a command whose reply was lost is sent again by Kamailio and executed once', async () => {
    const loss = [
      'OUTPUT',
      '-p',
      'udp',
      '--sport',
      '2223',
      '-m',
      'statistic',
      '--mode',
      'nth',
      '--every',
      '2',
      '--packet',
      '0',
      '-j',
      'DROP',
    ];
    await site.network.core.run(['iptables', '-w', '-A', ...loss]);
    const call = await startCall(site, { uac: 'uac-call.xml', uas: 'uas-call.xml' });
    const { alice, bob } = await call.ends('answered', 'invited');
    await site.network.core.run(['iptables', '-w', '-D', ...loss]);
    await expectExchanged(await talk(alice, bob), alice, bob);
    expect(await countedPackets(site, alice.note.callId)).toMatchObject({ rtp: 100, errors: 0 });
    await call.proceed();
    await call.over();
  });
});
