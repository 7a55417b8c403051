import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Turnstile } from './turnstile.ts';

const fine = async () => {};
const LONG_MS = 60_000;

it('lets so many in at a time, in their order', async () => {
  const turnstile = new Turnstile(2, LONG_MS);
  const order: number[] = [];
  let inside = 0;
  let most = 0;
  await Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (n) => {
      const leave = await turnstile.enter(fine, LONG_MS);
      order.push(n);
      inside += 1;
      most = Math.max(most, inside);
      await sleep(5);
      inside -= 1;
      leave();
      leave();
    }),
  );
  expect([order, most]).toEqual([[1, 2, 3, 4, 5, 6], 2]);
});

it('does not wait for ever for one who stays', async () => {
  const turnstile = new Turnstile(1, 50);
  await turnstile.enter(fine, LONG_MS);
  const leave = await turnstile.enter(fine, LONG_MS);
  leave();
});

it('lets go of one whose connection breaks while it waits', async () => {
  const turnstile = new Turnstile(1, LONG_MS);
  const leave = await turnstile.enter(fine, LONG_MS);
  let asked = 0;
  const waiting = turnstile.enter(async () => {
    asked += 1;
    if (asked === 3) throw new Error('broken');
  }, 5);
  const behind = turnstile.enter(fine, LONG_MS);
  await expect(waiting).rejects.toThrow('broken');
  leave();
  (await behind)();
  (await turnstile.enter(fine, LONG_MS))();
});
