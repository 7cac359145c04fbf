import { choice, finish, integer, list, mistake, type Section, shown, subsection, text } from './fields.js';
import type { FastPathConfig } from './schema.js';

/** `fastPath: auto`, or `fastPath: { mode: auto, … }`. */
export function decodeFastPath(top: Section): FastPathConfig {
  const short = top.entries.get('fastPath');
  if (short?.kind === 'scalar' && short.value !== null) {
    return { ...DEFAULTS, mode: choice(top, 'fastPath', MODES, DEFAULTS.mode) };
  }
  const section = subsection(top, 'fastPath');
  const decoded = {
    mode: choice(section, 'mode', MODES, DEFAULTS.mode),
    devices: devices(section),
    pinDirectory: text(section, 'pinDirectory') ?? DEFAULTS.pinDirectory,
    maxStreams: integer(section, 'maxStreams', STREAMS, DEFAULTS.maxStreams),
    hook: choice(section, 'hook', HOOKS, DEFAULTS.hook),
  };
  if (!decoded.pinDirectory.startsWith('/')) {
    mistake(section, 'pinDirectory', `${decoded.pinDirectory} is not an absolute path`);
  }
  finish(section);
  return decoded;
}

function devices(section: Section): readonly string[] {
  return (list(section, 'devices') ?? []).flatMap(({ value, path }) => {
    const name = value.kind === 'scalar' && value.value !== null ? String(value.value) : '';
    if (DEVICE.test(name)) return [name];
    section.mistakes.push({
      where: value.where,
      path,
      text: `${shown(value)} is not a name of a network device`,
    });
    return [];
  });
}

export const DEFAULTS: FastPathConfig = {
  mode: 'auto',
  devices: [],
  pinDirectory: '/sys/fs/bpf/tandem',
  maxStreams: 32_768,
  hook: 'auto',
};

const MODES = ['require', 'auto', 'off'] as const;
const HOOKS = ['auto', 'native', 'generic', 'tc'] as const;
const STREAMS = { min: 1, max: 1_048_576, what: 'a number of streams' };
/** As the kernel has it (`dev_valid_name`). */
const DEVICE = /^(?!\.\.?$)[^/\s:]{1,15}$/;
