/** A sample of what `npm run crash` does in full: kill -9 at the Nth fault point, start again, compare. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTestbed } from '../testbed/describe.ts';
import { CrashBench } from './crash/bench.ts';

describeWithTestbed('killed at a fault point', () => {
  let bench: CrashBench;
  beforeAll(async () => {
    bench = await CrashBench.open(120);
  });
  afterAll(() => bench?.close());

  // The suite repeats itself; `npm run crash` tries every point.
  const from = (least: number, most: number) => least + Math.floor((most - least) / 2);

  test.for([from(1, 24)])('the first sync at its point %i: resumed, each mail once (SY4)', async (nth) => {
    expect(await bench.firstSync(nth)).toMatch(/^sync\./);
  });

  test.for([from(5, 30)])('the live sync at point %i: every change is told once', async (nth) => {
    await bench.liveSync(nth);
  });

  test.for([from(1, 9)])(
    'a change through the API at point %i: told once, if the provider has it',
    async (nth) => {
      expect(await bench.apiChanges(nth)).toMatch(/^change\./);
    },
  );

  test.for([from(1, 7)])('the erasure of a grant at point %i: nothing is left (SY25)', async (nth) => {
    expect(await bench.deletion(nth)).toMatch(/^erase\./);
  });

  test.for([from(1, 4)])('a migration at point %i: the next start carries on (ST7)', async (nth) => {
    expect(await bench.migration(nth)).toMatch(/^migrate\./);
  });
});
