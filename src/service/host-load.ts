import { readFile } from 'node:fs/promises';

/** Since the start of the host, in ticks. */
export type CpuTimes = { readonly busy: number; readonly idle: number };

/** How busy the host is. Rejects where that cannot be read, or makes no sense. */
export type HostLoad = {
  /** Over the last minute. */
  loadAverage(): Promise<number>;
  cpuTimes(): Promise<CpuTimes>;
};

/** As Linux tells it. */
export function linuxLoad(read: (path: string) => Promise<string> = readText): HostLoad {
  return {
    async loadAverage() {
      return parseLoadAverage(await read('/proc/loadavg'));
    },
    async cpuTimes() {
      return parseCpuTimes(await read('/proc/stat'));
    },
  };
}

/** `0.52 0.58 0.59 1/467 12345` */
function parseLoadAverage(text: string): number {
  const [, average] = /^(\d+(?:\.\d+)?) /.exec(text) ?? [];
  if (average === undefined) throw new Error('/proc/loadavg does not begin with a number');
  return Number(average);
}

/** `cpu  user nice system idle iowait irq softirq steal guest guest_nice`; time of guests is in `user` and `nice`, too. */
function parseCpuTimes(text: string): CpuTimes {
  const [, written] = /^cpu +([\d ]+)\n/.exec(text) ?? [];
  const times = (written ?? '').trim().split(' ').map(Number);
  const [user, nice, system, idle, waiting = 0, ...rest] = times;
  if (user === undefined || nice === undefined || system === undefined || idle === undefined)
    throw new Error('/proc/stat does not begin with the times of all processors');
  const [hardInterrupts = 0, softInterrupts = 0, stolen = 0] = rest;
  return {
    busy: user + nice + system + hardInterrupts + softInterrupts + stolen,
    idle: idle + waiting,
  };
}

function readText(path: string): Promise<string> {
  return readFile(path, 'latin1');
}
