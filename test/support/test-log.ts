import type { TaskMeta, TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** What the programs of a test that failed said last. */
    logs?: { readonly of: string; readonly end: readonly string[] }[];
  }
}

type Task = { readonly result?: { readonly state: string } | undefined; readonly meta: TaskMeta };

/** Shows what a program has said if the test has failed, and keeps the end of it for the summary of the run. */
export function keepLog(task: TestContext['task'] | Task, of: string, log: string): void {
  if (task.result?.state !== 'fail') return;
  process.stderr.write(`--- ${of}\n${log}\n`);
  task.meta.logs = [...(task.meta.logs ?? []), { of, end: log.trimEnd().split('\n').slice(-20) }];
}
