import type { CliNode, CliRedundancy } from './node.js';

/** `active` */
export function activate(node: CliNode): Promise<string> {
  return together(node, async (redundancy) => {
    await redundancy.activate();
    return 'Ok, all foreign calls are own calls now\n';
  });
}

/** `standby` */
export function standBy(node: CliNode): Promise<string> {
  return together(node, async (redundancy) => {
    const kept = await redundancy.standBy();
    return kept === 0
      ? 'Ok, all own calls are foreign calls now\n'
      : `Fail: ${kept} calls cannot be stored and are still own calls\n`;
  });
}

/** `ksadd` and `ksrm` */
export function followKeyspace(on: boolean): (node: CliNode, words: readonly string[]) => Promise<string> {
  return (node, [written = '']) =>
    together(node, (redundancy) => {
      if (!/^\d{1,5}$/.test(written)) return `Fail: ${written} is not the number of a keyspace\n`;
      const keyspace = Number(written);
      if (redundancy.follow(keyspace, on))
        return `Success ${on ? 'adding' : 'removing'} keyspace ${keyspace} ${on ? 'to' : 'from'} redis notifications.\n`;
      return on
        ? `Keyspace ${keyspace} is already among redis notifications.\n`
        : `Keyspace ${keyspace} is not among redis notifications.\n`;
    });
}

/** `kslist` */
export function listKeyspaces(node: CliNode): Promise<string> {
  return together(node, (redundancy) => {
    const keyspaces = redundancy.keyspaces();
    return `\nSubscribed-on keyspaces:\n${keyspaces === 'all' ? 'all' : keyspaces.join(' ')}\n`;
  });
}

async function together(
  { redundancy }: CliNode,
  run: (redundancy: CliRedundancy) => string | Promise<string>,
): Promise<string> {
  return redundancy === undefined
    ? 'No redis configured: calls are known to this node alone.\n'
    : run(redundancy);
}
