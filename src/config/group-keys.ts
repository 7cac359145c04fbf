/**
 * Keys of a group of nodes, a line each: 32 bytes in base64 or hexadecimal digits. The first one is written with; all of them
 * are read with, so that a key can be replaced node by node. A text says what is wrong.
 */
export function parseGroupKeys(contents: string): readonly Buffer[] | string {
  const lines = contents
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) return 'holds no key';
  const keys = lines.map((line) => Buffer.from(line, /^[\da-f]{64}$/i.test(line) ? 'hex' : 'base64'));
  const wrong = keys.findIndex((key) => key.length !== KEY_BYTES);
  return wrong < 0 ? keys : `key ${wrong + 1} is not 32 bytes in base64 or hexadecimal digits`;
}

const KEY_BYTES = 32;
