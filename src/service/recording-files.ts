import { randomBytes } from 'node:crypto';
import {
  access,
  appendFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { textHead } from '../call/recording-text.js';

/** A recording nobody knows any more, found at start. */
export type Orphan = { readonly prefix: string; readonly path: string; readonly lastWrittenMs: number };

export type RecordingFilesParts = {
  /** Absolute. */
  readonly directory: string;
  readonly failed: (file: string, error: unknown) => void;
};

/** The directory of recordings: the texts beside them, and where they may be. The data plane writes the recordings. */
export class RecordingFiles {
  readonly #parts: RecordingFilesParts;
  /** What is under way for each text, in order. */
  readonly #work = new Map<string, Promise<void>>();

  constructor(parts: RecordingFilesParts) {
    this.#parts = parts;
  }

  /** Makes what is to be in the directory, and sees whether it can be written to. */
  async prepare(): Promise<void> {
    const { directory } = this.#parts;
    for (const name of ['pcaps', 'metadata', 'tmp']) await mkdir(join(directory, name), { recursive: true });
    const probe = join(directory, 'tmp', `.probe-${randomBytes(8).toString('hex')}`);
    await writeFile(probe, '');
    await unlink(probe);
  }

  /** Makes the directory of a file. False: it is not, or not only by its name, below the configured one. */
  async makeRoom(path: string): Promise<boolean> {
    const base = await realpath(this.#parts.directory);
    const folder = dirname(path);
    const isInside = async (place: string): Promise<boolean> => {
      const real = await realpath(place);
      return real === base || real.startsWith(`${base}/`);
    };
    if (!(await isInside(await existing(folder)))) return false;
    await mkdir(folder, { recursive: true });
    return isInside(folder);
  }

  /** There is something of that name already, whatever it is. */
  async isTaken(path: string): Promise<boolean> {
    return lstat(path).then(
      () => true,
      () => false,
    );
  }

  async sizeOf(path: string): Promise<number | undefined> {
    return stat(path).then(
      ({ size }) => size,
      () => undefined,
    );
  }

  /** Begins a text, unless it was begun before. */
  begin(prefix: string, path: string): void {
    this.#inOrder(prefix, async (text) => {
      await writeFile(text, textHead(path), { flag: 'wx', mode: MODE }).catch((error: unknown) => {
        if (!isCode(error, 'EEXIST')) throw error;
      });
    });
  }

  append(prefix: string, text: string): void {
    this.#inOrder(prefix, (file) => appendFile(file, text, WRITING));
  }

  /** Ends a text and moves it to where the finished ones are. */
  finish(prefix: string, tail: string): void {
    this.#inOrder(prefix, async (file) => {
      await appendFile(file, tail, WRITING);
      await rename(file, join(this.#parts.directory, 'metadata', `${NAME}${prefix}.txt`));
    });
  }

  discard(prefix: string | undefined, path: string): void {
    this.#inOrder(prefix ?? path, async (file) => {
      await unlinkIfThere(path);
      if (prefix !== undefined) await unlinkIfThere(file);
    });
  }

  /** Texts that were begun and not finished, but for this process's own. */
  async orphans(isOwn: (prefix: string) => boolean): Promise<readonly Orphan[]> {
    const folder = join(this.#parts.directory, 'tmp');
    const found: Orphan[] = [];
    for (const name of await readdir(folder)) {
      const prefix = /^rtpengine-meta-(.+)\.tmp$/.exec(name)?.[1];
      if (prefix === undefined || isOwn(prefix)) continue;
      const file = join(folder, name);
      const path = await this.#firstLine(file);
      if (path === undefined) continue;
      const written = await Promise.allSettled([stat(file), stat(path)]);
      const times = written.map((one) => (one.status === 'fulfilled' ? one.value.mtimeMs : 0));
      found.push({ prefix, path, lastWrittenMs: Math.max(...times) });
    }
    return found;
  }

  async #firstLine(file: string): Promise<string | undefined> {
    try {
      return (await readFile(file, 'latin1')).split('\n', 1)[0];
    } catch (error) {
      this.#parts.failed(file, error);
      return undefined;
    }
  }

  /** Resolves when everything is written. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work.values());
  }

  #inOrder(key: string, task: (file: string) => Promise<void>): void {
    const file = join(this.#parts.directory, 'tmp', `${NAME}${key}.tmp`);
    const before = this.#work.get(key) ?? Promise.resolve();
    const work = before
      .then(() => task(file))
      .catch((error: unknown) => this.#parts.failed(file, error))
      .then(() => {
        if (this.#work.get(key) === work) this.#work.delete(key);
      });
    this.#work.set(key, work);
  }
}

/** The nearest directory above that is there. */
async function existing(folder: string): Promise<string> {
  for (let place = folder; ; place = dirname(place)) {
    const isThere = await access(place).then(
      () => true,
      () => false,
    );
    if (isThere || place === dirname(place)) return place;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isCode(error, 'ENOENT')) throw error;
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Texts hold keys of calls: they are nobody else's business, like the recordings. */
const MODE = 0o640;
const WRITING = { encoding: 'latin1', mode: MODE } as const;
/** Scripts of rtpengine's users look for this name. */
const NAME = 'rtpengine-meta-';
