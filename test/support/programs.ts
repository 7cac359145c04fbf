import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

const BUILT =
  process.env.TANDEM_SUPERVISOR ?? join(import.meta.dirname, '../../native/target/release/tandem-supervisor');

/** The supervisor and the data plane under another path, where they can be replaced as an upgrade does it. */
export type Programs = {
  readonly supervisor: string;
  /** Puts another file in the data plane's place, which the next start runs. */
  replaceDataPlane(): void;
  /** Whether a process runs what is in the data plane's place now. */
  isRunning(pid: number): boolean;
};

export function copyPrograms(): Programs {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-programs-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const [supervisor, dataPlane] = ['tandem-supervisor', 'tandem-dataplane'].map((name) =>
    join(directory, name),
  );
  if (supervisor === undefined || dataPlane === undefined) throw new Error('two names make two paths');
  for (const path of [supervisor, dataPlane])
    copyFileSync(join(dirname(BUILT), path.slice(directory.length)), path);
  return {
    supervisor,
    replaceDataPlane() {
      const next = `${dataPlane}.next`;
      copyFileSync(dataPlane, next);
      appendFileSync(next, 'another build');
      renameSync(next, dataPlane);
    },
    isRunning: (pid) =>
      readlinkSync(`/proc/${pid}/exe`) === dataPlane &&
      statSync(`/proc/${pid}/exe`).ino === statSync(dataPlane).ino,
  };
}
