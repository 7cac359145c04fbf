import { nativeProgram, Process } from './process.js';

/** The real data plane, alone. */
export function startDataPlane(socket: string, options: readonly string[] = []): Process {
  return new Process('data plane', [nativeProgram('tandem-dataplane'), '--socket', socket, ...options]);
}
