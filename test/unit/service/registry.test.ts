import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataPlaneError } from '../../../src/service/ports.js';
import { CallRegistry } from '../../../src/service/registry.js';

/** A promise that is settled from outside. */
function later<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

test('tasks of a call run one after the other, in the order they came', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ call: fc.constantFrom('a', 'b'), turns: fc.nat(4) })),
      async (tasks) => {
        const registry = new CallRegistry();
        const running = new Set<string>();
        const seen: Record<string, number[]> = { a: [], b: [] };
        await Promise.all(
          tasks.map(({ call, turns }, index) =>
            registry.run(call, async () => {
              expect(running.has(call)).toBe(false);
              running.add(call);
              for (let turn = 0; turn < turns; turn++) await Promise.resolve();
              seen[call]?.push(index);
              running.delete(call);
            }),
          ),
        );
        for (const order of Object.values(seen)) expect(order).toEqual([...order].sort((x, y) => x - y));
      },
    ),
  );
});

test('a call does not wait for another one', async () => {
  const registry = new CallRegistry();
  const first = later<string>();
  const blocked = registry.run('a', () => first.promise);
  expect(await registry.run('b', async () => 'through')).toBe('through');
  first.resolve('done');
  expect(await blocked).toBe('done');
});

test('a task that fails fails alone', async () => {
  const registry = new CallRegistry();
  const failing = registry.run('a', () => Promise.reject(new Error('broken')));
  const next = registry.run('a', async () => 'fine');
  await expect(failing).rejects.toThrow('broken');
  expect(await next).toBe('fine');
});

test('a task that the data plane was ahead of runs again, before the next one', async () => {
  const registry = new CallRegistry();
  const seen: string[] = [];
  const overtaken = registry.run('a', async () => {
    seen.push('first');
    if (seen.length < 3) throw new DataPlaneError({ code: 'overtaken' });
    return 'done';
  });
  const next = registry.run('a', () => seen.push('next'));
  expect(await overtaken).toBe('done');
  await next;
  expect(seen).toEqual(['first', 'first', 'first', 'next']);
});

test('a task that is overtaken again and again is given up', async () => {
  const registry = new CallRegistry();
  const overtaken = registry.run('a', () => Promise.reject(new DataPlaneError({ code: 'overtaken' })));
  await expect(overtaken).rejects.toThrow('overtaken');
});

test('a task for a call at rest starts at once', () => {
  const registry = new CallRegistry();
  let started = false;
  void registry.run('a', async () => {
    started = true;
  });
  expect(started).toBe(true);
});
