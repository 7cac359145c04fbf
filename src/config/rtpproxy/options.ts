import type { OptionRule } from '../rtpengine/options.js';

const used = (takes: OptionRule['takes']): OptionRule => ({ takes, fate: 'used' });
const noted = (takes: OptionRule['takes'], why: string): OptionRule => ({ takes, fate: { noted: why } });
const missing = (takes: OptionRule['takes'], feature: string): OptionRule => ({
  takes,
  fate: { missing: feature },
});

const SYSTEM = 'it is left to the system, or to the service manager';

/** rtpproxy's options of one letter, and its long ones. */
export const RTPPROXY_OPTIONS: ReadonlyMap<string, OptionRule> = new Map([
  ['s', used('list')],
  ['l', used('list')],
  ['6', used('value')],
  ['A', used('value')],
  ['m', used('value')],
  ['M', used('value')],
  ['T', used('value')],
  ['W', used('value')],
  ['t', used('value')],
  ['n', used('list')],
  ['w', used('value')],
  ['d', used('value')],
  ['p', used('value')],
  ['f', used('flag')],
  ['nodaemon', used('flag')],
  ['bridge_symmetric', used('flag')],
  ['v', used('flag')],
  ['V', used('flag')],
  // Not to complain of running as root, not to change the directory: nothing of that kind is done here.
  ['F', used('flag')],
  ['D', used('flag')],

  ['b', noted('flag', 'ports are chosen at random')],
  ['i', noted('flag', 'packets of either party keep a call alive')],
  ['L', noted('value', SYSTEM)],
  ['c', noted('value', SYSTEM)],
  ['u', noted('value', SYSTEM)],
  ['N', noted('value', 'the data plane chooses its times itself')],
  ['overload_prot', noted('flag', 'maxSessions and limits keep the load down')],
  ['2', missing('flag', 'sending each packet twice')],
  ['dso', missing('list', 'loading of modules')],
  ['config', missing('value', 'a configuration file of rtpproxy')],
  ['r', used('value')],
  ['S', noted('value', 'files are written where they stay')],
  ['P', used('flag')],
  ['R', used('flag')],
  ['a', used('flag')],
]);
