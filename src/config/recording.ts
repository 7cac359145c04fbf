import { statSync } from 'node:fs';
import { isAbsolute, normalize } from 'node:path';
import { RECORDING_CODES } from '../command/flags.js';
import { parseListenAddress } from './addresses.js';
import { boolean, choice, finish, mistake, type Section, subsection, text } from './fields.js';
import type { RecordingConfig } from './schema.js';

export function decodeRecording(recording: Section): RecordingConfig {
  const directory = directoryOf(recording);
  choice(recording, 'method', ['pcap'], 'pcap');
  const decoded: RecordingConfig = {
    directory,
    format: choice(recording, 'format', ['raw', 'eth'], 'raw'),
    side: choice(recording, 'side', ['arriving', 'leaving', 'both'], 'arriving'),
    rtcp: boolean(recording, 'rtcp', true),
    everyCall: boolean(recording, 'everyCall', false),
    codes: codesOf(subsection(recording, 'codes')),
    forwardTo: forwardTo(recording),
  };
  if (decoded.everyCall && directory === null && !recording.entries.has('dir'))
    mistake(recording, 'everyCall', 'needs recording.dir');
  finish(recording);
  return decoded;
}

function codesOf(codes: Section): RecordingConfig['codes'] {
  const found = RECORDING_CODES.flatMap((action) => {
    const key = camelCase(action);
    const keys = text(codes, key)?.toUpperCase();
    if (keys === undefined) return [];
    if (!/^[0-9*#A-D]{1,32}$/.test(keys))
      mistake(codes, key, `${keys} is not a sequence of keys, such as *98`);
    return [[action, keys] as const];
  });
  finish(codes);
  return Object.fromEntries(found);
}

/** `startStop` for `start-stop`. */
export function camelCase(words: string): string {
  return words.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function directoryOf(recording: Section): string | null {
  const written = text(recording, 'dir');
  if (written === undefined) return null;
  const directory = normalize(written).replace(/(?<=.)\/$/, '');
  if (!isAbsolute(directory)) mistake(recording, 'dir', `${written} is not an absolute path`);
  else if (/[^\x20-\x7e]/.test(directory)) mistake(recording, 'dir', 'has characters that are not ASCII');
  else if (directory === '/') mistake(recording, 'dir', 'is the whole file system');
  else if (!isDirectory(directory)) mistake(recording, 'dir', `${written} is not a directory that exists`);
  else return directory;
  return null;
}

function forwardTo(recording: Section): RecordingConfig['forwardTo'] {
  const target = text(recording, 'forwardTo');
  if (target === undefined) return null;
  const address = parseListenAddress(target);
  const isSomebody = address !== undefined && address.port > 0 && address.port < 65_535;
  if (isSomebody && address.address !== '0.0.0.0' && address.address !== '::') return address;
  mistake(recording, 'forwardTo', `${target} is not an address with a port, such as 192.0.2.1:4000`);
  return null;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
