import { RECORDING_CODES } from '../../command/flags.js';
import { camelCase } from '../recording.js';
import { putAt, type Value } from '../value.js';
import type { Given, GivenOptions } from './command-line.js';

/** Says in our words what rtpengine's options say of recording; returns warnings. */
export function putRecording(root: Map<string, Value>, options: GivenOptions): readonly string[] {
  const warnings: string[] = [];
  const last = (name: string): Given | undefined => options.get(name)?.at(-1);
  const put = (key: string, { where }: Given, value: string): void =>
    putAt(root, ['recording', key], { kind: 'scalar', where, value });

  const [directory, method, format] = [
    last('recording-dir'),
    last('recording-method'),
    last('recording-format'),
  ];
  if (directory !== undefined) put('dir', directory, directory.value);
  if (format !== undefined) put('format', format, format.value.toLowerCase());
  const known = method?.value.toLowerCase();
  if (method !== undefined && (known === 'proc' || known === 'all'))
    warnings.push(
      `--recording-method=${method.value}: there is no separate recorder, calls are recorded as with pcap`,
    );
  else if (method !== undefined) put('method', method, method.value.toLowerCase());
  const isOn = (name: string): boolean => last(name)?.value === 'true';
  const [egress, both] = [last('record-egress'), last('record-both')];
  if (both !== undefined && isOn('record-both')) put('side', both, 'both');
  else if (egress !== undefined && isOn('record-egress')) put('side', egress, 'leaving');
  for (const code of RECORDING_CODES) {
    const given = last(`vsc-${code}-rec`);
    if (given !== undefined)
      putAt(root, ['recording', 'codes', camelCase(code)], {
        kind: 'scalar',
        where: given.where,
        value: given.value,
      });
  }
  return warnings;
}
