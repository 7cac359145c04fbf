import { defineConfig } from 'vitest/config';

// Limits for what hangs, not for what is slow on a busy machine.
const limits = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 30_000 } } };

// Processes and networks: one file at a time.
const processes = { ...limits, fileParallelism: false };

export default defineConfig({
  test: {
    projects: [
      // Without state in modules, and what a file fakes it undoes: files may share a process, and its modules.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false, ...limits } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...processes } },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts', 'test/oracle/**/*.test.ts'],
          ...processes,
        },
      },
    ],
  },
});
