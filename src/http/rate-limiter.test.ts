import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addApplication } from '../../test/support/fixture.ts';
import { openTestDatabase, type TestDatabase } from '../../test/support/test-database.ts';
import type { ApiError } from '../platform/errors.ts';
import { Database } from '../store/database.ts';
import { RateLimiter } from './rate-limiter.ts';

let test: TestDatabase;
let other: Database;
let app: string;
beforeAll(async () => {
  test = await openTestDatabase();
  other = new Database(test.target);
  app = (await addApplication(test.db, 'one')).id;
});
afterAll(async () => {
  await other?.close();
  await test?.close();
});

/** Windows so long that they do not end within a test. */
const minutely = (count: number) => ({ count, seconds: 60 });

/** As a process of its own would have it: nothing in common but the database. */
const twoProcesses = (options = {}) =>
  [new RateLimiter(test.db, options), new RateLimiter(other, options)] as const;

/** How many of so many at once are let through; the others must be told when to come again. */
async function through(limiter: RateLimiter, times: number, bucket: string, count: number): Promise<number> {
  const results = await Promise.allSettled(
    Array.from({ length: times }, () => limiter.take(app, bucket, minutely(count))),
  );
  for (const result of results) {
    if (result.status === 'rejected') {
      expect(result.reason).toMatchObject({ status: 429, type: 'api.rate_limit_error' });
      expect((result.reason as ApiError).retryAfterSeconds).toBeGreaterThanOrEqual(1);
      expect((result.reason as ApiError).retryAfterSeconds).toBeLessThanOrEqual(60);
    }
  }
  return results.filter((result) => result.status === 'fulfilled').length;
}

it('lets exactly the limit through when two processes are asked for more', async () => {
  const [a, b] = twoProcesses();
  const [fromA, fromB] = await Promise.all([through(a, 170, 'even', 200), through(b, 170, 'even', 200)]);
  expect(fromA + fromB).toBe(200);
  expect(await through(a, 5, 'even', 200)).toBe(0);
});

it('refuses nobody while it holds permits, however the requests come', async () => {
  for (let round = 0; round < 10; round++) {
    const [a, b] = twoProcesses();
    const staggered = async (limiter: RateLimiter) => {
      const answers: Promise<number>[] = [];
      for (let i = 0; i < 60; i++) {
        answers.push(through(limiter, 1, `staggered ${round}`, 50));
        if (i % 3 === 0) await sleep(i % 2);
      }
      return (await Promise.all(answers)).reduce((sum, n) => sum + n, 0);
    };
    const [fromA, fromB] = await Promise.all([staggered(a), staggered(b)]);
    expect(fromA + fromB).toBe(50);
  }
});

it('lets everybody through who stays within the limit, whichever process is asked', async () => {
  for (const share of [2, 10]) {
    const [a, b] = twoProcesses();
    let refused = 0;
    for (let i = 0; i < 200; i++)
      refused += 1 - (await through(i % share === 0 ? b : a, 1, `within ${share}`, 200));
    expect(refused).toBe(0);
  }
});

it('leaves no more idle in a process than that has used, should it not be alone after all', async () => {
  const [a, b] = twoProcesses({ alone: true });
  let fromA = 0;
  for (let i = 0; i < 10; i++) fromA += await through(a, 1, 'uneven', 200);
  expect(fromA).toBe(10);
  const fromB = await through(b, 400, 'uneven', 200);
  expect(fromB).toBeLessThanOrEqual(190);
  expect(fromB).toBeGreaterThanOrEqual(180);
  // What was left idle is still there for the one that holds it.
  expect(fromA + fromB + (await through(a, 100, 'uneven', 200))).toBe(200);
});

it('never lets more than the limit through in a window, whatever two processes do', async () => {
  const [a, b] = twoProcesses();
  let total = 0;
  for (let round = 0; total < 50 && round < 100; round++) {
    const [x, y] = await Promise.all([
      through(a, 1 + ((round * 7) % 5), 'mixed', 50),
      through(b, (round * 3) % 4, 'mixed', 50),
    ]);
    total += x + y;
  }
  expect(total).toBe(50);
  expect((await through(a, 20, 'mixed', 50)) + (await through(b, 20, 'mixed', 50))).toBe(0);
});

it('begins anew when the window has ended', async () => {
  const limiter = new RateLimiter(test.db);
  const limit = { count: 3, seconds: 1 };
  const take = () =>
    limiter.take(app, 'window', limit).then(
      () => true,
      () => false,
    );
  const start = performance.now();
  for (let i = 0; i < 3; i++) expect(await take()).toBe(true);
  expect(await take()).toBe(false);
  while (!(await take())) await sleep(20);
  expect(performance.now() - start).toBeGreaterThan(950);
  expect([await take(), await take(), await take()]).toEqual([true, true, false]);
});

it('counts each application and bucket alone', async () => {
  const limiter = new RateLimiter(test.db);
  const foreign = (await addApplication(test.db, 'two')).id;
  await limiter.take(app, 'one', minutely(1));
  await limiter.take(app, 'two', minutely(1));
  await limiter.take(foreign, 'one', minutely(1));
  await expect(limiter.take(foreign, 'one', minutely(1))).rejects.toMatchObject({ status: 429 });
});

it('asks the database seldom for many requests', async () => {
  let asked = 0;
  const counting = {
    engine: (work: Parameters<Database['engine']>[0]) => {
      asked += 1;
      return test.db.engine(work);
    },
  } as Database;
  const limiter = new RateLimiter(counting, { alone: true });
  for (let i = 0; i < 1_000; i++) await limiter.take(app, 'seldom', minutely(1_000_000));
  expect(asked).toBeLessThan(20);
});

it('says so when the database cannot be asked, and goes on afterwards', async () => {
  let broken = true;
  const shaky = {
    engine: (work: Parameters<Database['engine']>[0]) =>
      broken ? Promise.reject(new Error('gone')) : test.db.engine(work),
  } as Database;
  const limiter = new RateLimiter(shaky);
  await expect(limiter.take(app, 'shaky', minutely(5))).rejects.toThrow('gone');
  broken = false;
  await limiter.take(app, 'shaky', minutely(5));
});
