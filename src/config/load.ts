import { readFileSync } from 'node:fs';
import { canonical } from './addresses.js';
import { decodeConfig } from './decode.js';
import type { Host } from './interfaces.js';
import type { Config } from './schema.js';
import { ownAddresses } from './own-addresses.js';
import { type Mistake, parseValue } from './value.js';
import { type Environment, withEnvironment, withSettings } from './variables.js';

export type Sources = {
  readonly file: string;
  readonly environment: Environment;
  /** `KEY=VALUE` from the command line; wins over the environment, which wins over the file. */
  readonly settings: readonly string[];
};

export type Loaded =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'mistakes'; readonly mistakes: readonly Mistake[] };

/** Reads file, environment and command line into one configuration, or says everything that is wrong with it. */
export function loadConfig({ file, environment, settings }: Sources, host: Host = thisHost()): Loaded {
  const text = readText(file);
  if (text.kind === 'mistakes') return text;
  const fromFile = parseValue(text.text, file);
  const withVariables = withEnvironment(fromFile.value, environment);
  const complete = withSettings(withVariables.value, settings);
  const decoded = decodeConfig(complete.value, host);
  const mistakes = [
    ...fromFile.mistakes,
    ...withVariables.mistakes,
    ...complete.mistakes,
    // What could not be read as YAML would only produce mistakes that are none.
    ...(fromFile.mistakes.length > 0 ? [] : decoded.mistakes),
  ];
  return mistakes.length > 0 ? { kind: 'mistakes', mistakes } : { kind: 'config', config: decoded.config };
}

function readText(
  file: string,
): { kind: 'text'; text: string } | { kind: 'mistakes'; mistakes: readonly Mistake[] } {
  try {
    return { kind: 'text', text: readFileSync(file, 'utf8') };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: 'mistakes', mistakes: [{ where: file, path: '', text: `cannot be read: ${reason}` }] };
  }
}

/** What this machine says of itself. */
export function thisHost(): Host {
  const addresses = ownAddresses();
  const anyAddress = new Set<string>();
  if (allowsForeignBind('ipv4')) anyAddress.add('IP4');
  if (allowsForeignBind('ipv6')) anyAddress.add('IP6');
  return {
    isLocal: (address) =>
      address.startsWith('127.') ||
      addresses.has(canonical(address)) ||
      anyAddress.has(address.includes(':') ? 'IP6' : 'IP4'),
  };
}

/** A standby node may bind addresses it does not have yet. */
function allowsForeignBind(version: 'ipv4' | 'ipv6'): boolean {
  try {
    return readFileSync(`/proc/sys/net/${version}/ip_nonlocal_bind`, 'utf8').trim() === '1';
  } catch {
    return false;
  }
}
