import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { type CleanOptions, cleanBody } from '../../mail/clean/clean.ts';
import type { CleanTask } from './clean-worker.ts';

/** Up to so many characters a body is cleaned on the spot: that takes a few milliseconds. */
const INLINE_CHARS = 32 * 1024;
/** One body may take this long; the longest that is stored takes a few seconds. In ms. */
const CLEAN_TIMEOUT_MS = 30_000;
/** An idle thread ends after this long, in ms. */
const THREAD_IDLE_MS = 30_000;
/** Memory of one thread, in MB: the lines of the longest body. */
const THREAD_MEMORY_MB = 1_024;

/** Cleans bodies, the long ones in threads of their own, so that no other request waits for them. */
export class Cleaner {
  readonly #pool: Piscina;

  constructor() {
    // The build turns .ts into .js beside this file.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#pool = new Piscina({
      filename: new URL(`./clean-worker.${extension}`, import.meta.url).href,
      minThreads: 0,
      maxThreads: availableParallelism(),
      idleTimeout: THREAD_IDLE_MS,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MB },
    });
  }

  /** The writer's own words in the HTML of a body. */
  async clean(html: string, options: CleanOptions): Promise<string> {
    if (html.length <= INLINE_CHARS) return cleanBody(html, options);
    const task: CleanTask = { html, options };
    return this.#pool.run(task, { signal: AbortSignal.timeout(CLEAN_TIMEOUT_MS) });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
