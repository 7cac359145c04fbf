import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.js';
import { type Figure, renderTable, verdict } from './figures.js';
import { closeLabs, describeMachine, openLab } from './lab.js';
import { measureFastPath } from './measure/fastpath.js';
import { measureFlood } from './measure/flood.js';
import { measureHandshakes } from './measure/handshakes.js';
import { measureLoss } from './measure/loss.js';
import { measureMemory } from './measure/memory.js';
import { measureNotices } from './measure/notices.js';
import { measureNegotiate } from './measure/negotiate.js';
import { measureRelay } from './measure/relay.js';
import { measureRestart } from './measure/restart.js';
import { measureScaling } from './measure/scaling.js';
import { measureSecured } from './measure/secured.js';
import { measureStop } from './measure/stop.js';
import { measureSetup } from './measure/setup.js';
import { measureStart } from './measure/start.js';
import { measureTakeover } from './measure/takeover.js';
import { type Curve, plotCost } from './plot.js';
import { killProxies } from './proxy.js';

const measurements: Readonly<Record<string, (bench: Bench) => Promise<readonly Figure[]>>> = {
  relay: measureRelay,
  secured: measureSecured,
  handshakes: measureHandshakes,
  setup: measureSetup,
  negotiate: measureNegotiate,
  memory: measureMemory,
  loss: measureLoss,
  scaling: measureScaling,
  restart: measureRestart,
  takeover: measureTakeover,
  stop: measureStop,
  notices: measureNotices,
  start: measureStart,
  // Last, because these set the devices up in their own way.
  flood: measureFlood,
  fastpath: measureFastPath,
};

const usage = `usage: npm run bench -- [${Object.keys(measurements).join('|')}|all]… [--quick] [--enforce]
  [--io auto|io_uring|mmsg] [--rate PACKETS_PER_SECOND] [--only tandem|rtpengine] [--config FILE]
  [--plot FILE]`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    enforce: { type: 'boolean', default: false },
    io: { type: 'string', default: 'auto' },
    rate: { type: 'string', default: '50000' },
    plot: { type: 'string' },
    only: { type: 'string' },
    config: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const wanted =
  positionals.length === 0 || positionals.includes('all') ? Object.keys(measurements) : positionals;
const unknown = wanted.find((name) => measurements[name] === undefined);
if (values.help || unknown !== undefined) {
  console.error(unknown === undefined ? usage : `no such measurement: ${unknown}\n${usage}`);
  process.exit(unknown === undefined ? 0 : 2);
}
if (process.getuid?.() !== 0) {
  console.error('the benchmark makes network namespaces: run it as root');
  process.exit(2);
}

const lab = openLab();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killProxies();
    closeLabs();
    process.exit(1);
  });
}
const figures: Figure[] = [];
const curves: Curve[] = [];
const directory = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
const bench: Bench = {
  lab,
  quick: values.quick,
  rate: Number(values.rate),
  proxies: values.only === 'tandem' || values.only === 'rtpengine' ? [values.only] : ['tandem', 'rtpengine'],
  tandem: { io: values.io, config: values.config },
  directory,
  draw: (curve) => curves.push(curve),
  say: (line) => console.error(`  ${line}`),
};
let failed = false;
try {
  for (const name of wanted) {
    console.error(`${name}:`);
    figures.push(...((await measurements[name]?.(bench)) ?? []));
  }
} catch (error) {
  failed = true;
  console.error(error instanceof Error ? error.message : error);
} finally {
  lab.close();
  rmSync(directory, { recursive: true, force: true });
}

console.log(renderTable(figures, bench.proxies));
const missed = figures.filter((figure) => ['MISSED', 'VOID'].includes(verdict(figure, bench.proxies)));
const result = {
  at: new Date().toISOString(),
  machine: describeMachine(),
  quick: bench.quick,
  rate: bench.rate,
  figures,
  curves,
};
mkdirSync('bench/results', { recursive: true });
const file = `bench/results/${result.at.replaceAll(':', '-')}.json`;
writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
if (values.plot !== undefined && curves.length > 0) {
  writeFileSync(
    values.plot,
    plotCost(curves, `${result.machine.cpu}, Linux ${result.machine.kernel.split('-')[0]}`),
  );
}
const summary = missed.length === 0 ? 'no bound missed' : `bounds missed: ${missed.length}`;
console.log(`\n${summary}${failed ? ', but not everything was measured' : ''}; results in ${file}`);
process.exit(failed || (values.enforce && missed.length > 0) ? 1 : 0);
