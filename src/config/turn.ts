import { canonical, parseListenAddress } from './addresses.js';
import { choice, finish, list, mistake, type Section, shown, text } from './fields.js';
import type { InterfaceConfig, TurnConfig } from './schema.js';

/** Reads `turn`; without a server there are no relayed candidates. */
export function decodeTurn(section: Section, interfaces: readonly InterfaceConfig[]): TurnConfig | null {
  const written = text(section, 'server');
  const username = text(section, 'username');
  const password = text(section, 'password');
  choice(section, 'transport', ['udp'], 'udp');
  const names = namesOf(section, interfaces);
  finish(section, OTHER_NAMES);
  if (written === undefined) {
    if (username !== undefined || password !== undefined) mistake(section, 'server', 'is needed');
    return null;
  }
  const server = parseListenAddress(written);
  if (server === undefined) {
    mistake(section, 'server', `${written} is not an address with a port, such as 192.0.2.9:3478`);
  }
  for (const [key, value] of [
    ['username', username],
    ['password', password],
  ] as const) {
    if (value === undefined) mistake(section, key, 'is needed');
    else if (Buffer.byteLength(value) > LONGEST) mistake(section, key, `exceeds ${LONGEST} bytes`);
  }
  if (server === undefined || username === undefined || password === undefined) return null;
  return { server: { ...server, address: canonical(server.address) }, username, password, interfaces: names };
}

function namesOf(section: Section, interfaces: readonly InterfaceConfig[]): readonly string[] {
  const items = list(section, 'interfaces') ?? [];
  const names: string[] = [];
  for (const { value, path } of items) {
    const written = value.kind === 'scalar' ? String(value.value) : '';
    const found = interfaces.find(({ name, aliases }) => name === written || aliases.includes(written));
    if (found !== undefined) names.push(found.name);
    else
      section.mistakes.push({
        where: value.where,
        path,
        text: `there is no interface named ${shown(value)}`,
      });
  }
  return items.length === 0 ? interfaces.map(({ name }) => name) : names;
}

/** RFC 8489 §14.3 allows 508; a message of ours has to hold realm and nonce as well. */
const LONGEST = 128;

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['url', 'server'],
  ['urls', 'server'],
  ['user', 'username'],
  ['credential', 'password'],
  ['secret', 'password'],
]);
