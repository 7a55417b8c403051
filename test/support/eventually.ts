import { setTimeout as sleep } from 'node:timers/promises';

/** Tries until it does not throw; then returns its value. Throws the last error when the time is over. */
export async function eventually<T>(check: () => Promise<T> | T, ms = 15_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(50);
    }
  }
}
