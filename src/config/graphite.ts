import { finish, integer, mistake, type Section, text } from './fields.js';
import type { GraphiteConfig } from './schema.js';

/** The section `graphite`. The interval holds without a server, too: statistics tell of the last one. */
export function decodeGraphite(graphite: Section): GraphiteConfig {
  const decoded = {
    server: serverOf(graphite),
    intervalSeconds: integer(graphite, 'intervalSeconds', INTERVAL, 60),
    prefix: text(graphite, 'prefix') ?? '',
    timeoutSeconds: integer(graphite, 'timeoutSeconds', TIMEOUT, 5),
  };
  if (!/^[\x21-\x7e]*$/.test(decoded.prefix)) {
    mistake(graphite, 'prefix', `${JSON.stringify(decoded.prefix)} is not of printable ASCII without spaces`);
  }
  finish(graphite, OTHER_NAMES);
  return decoded;
}

function serverOf(graphite: Section): GraphiteConfig['server'] {
  const written = text(graphite, 'server');
  if (written === undefined) return null;
  const [, bracketed, plain, digits] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(written) ?? [];
  const [host, port] = [bracketed ?? plain, Number(digits)];
  if (host !== undefined && port > 0 && port < 65_536) return { host, port };
  const example = 'such as graphite.example.com:2003 or "[2001:db8::1]:2003"';
  mistake(graphite, 'server', `${written} is not a host with a port, ${example}`);
  return null;
}

const INTERVAL = { min: 1, max: 86_400, what: 'a number of seconds' };
const TIMEOUT = { min: 1, max: 300, what: 'a number of seconds' };

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['host', 'server'],
  ['address', 'server'],
  ['url', 'server'],
  ['interval', 'intervalSeconds'],
  ['timeout', 'timeoutSeconds'],
]);
