import { isLogSubsystem, LOG_SUBSYSTEM_NAMES, LOG_SUBSYSTEMS } from '../../command/log-subsystems.js';
import type { CliNode } from './node.js';
import { LACKING, LOG_LEVELS } from './settings.js';

/** `list loglevels` */
export function describeLogs(): string {
  return LOG_SUBSYSTEM_NAMES.map((name) => `${name} - ${LOG_SUBSYSTEMS[name]}\n`).join('');
}

/** `list loglevel` */
export function listLevels({ logLevels: { current } }: CliNode): string {
  return LOG_SUBSYSTEM_NAMES.map((name) => `${name} = ${current[name]}\n`).join('');
}

/** `list loglevel SUBSYSTEM` */
export function listLevel({ logLevels: { current } }: CliNode, [name = '']: readonly string[]): string {
  return isLogSubsystem(name) ? `${current[name]}\n` : noSuch(name);
}

/** `set loglevel LEVEL` */
export function setAllLevels(node: CliNode, [written = '']: readonly string[]): string {
  return isLogSubsystem(written) ? LACKING : setLevel(node, ['all', written]);
}

/** `set loglevel SUBSYSTEM LEVEL` */
export function setLevel({ logLevels }: CliNode, [name = '', written = '']: readonly string[]): string {
  const names = name === 'all' ? LOG_SUBSYSTEM_NAMES : [name].filter(isLogSubsystem);
  if (names.length === 0) return noSuch(name);
  const level = Number(written);
  if (!/^-?\d$/.test(written) || level < LOG_LEVELS.min || level > LOG_LEVELS.max)
    return `Fail setting loglevel to ${written}; not a number from ${LOG_LEVELS.min} to ${LOG_LEVELS.max}\n`;
  for (const one of names) if (logLevels.current[one] !== level) logLevels.change(one, level);
  return `Success setting loglevel to ${level}\n`;
}

/** Of `params`. */
export function levelParameters(levels: CliNode['logLevels']['start']): string {
  return LOG_SUBSYSTEM_NAMES.map((name) => `log-level-${name} = ${levels[name]}\n`).join('');
}

/** Of `params diff`. */
export function levelDifferences({ logLevels: { start, current } }: CliNode): string {
  return LOG_SUBSYSTEM_NAMES.filter((name) => start[name] !== current[name])
    .map((name) => `log-level-${name}: ${start[name]} => ${current[name]}\n`)
    .join('');
}

/** Of `params revert`. */
export function revertLevels({ logLevels }: CliNode): void {
  for (const name of LOG_SUBSYSTEM_NAMES) {
    if (logLevels.current[name] !== logLevels.start[name]) logLevels.change(name, logLevels.start[name]);
  }
}

function noSuch(name: string): string {
  return `No such subsystem of the log '${name}'\n`;
}
