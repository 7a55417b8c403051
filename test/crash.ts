/**
 * `npm run crash`: kills mailquay at the first, second, third … fault point of each scenario until a run passes
 * untouched, and compares with Dovecot after each. `npm run crash -- firstSync 12` starts one scenario at a point.
 */
import { installTestbed } from '../testbed/install.ts';
import { CrashBench } from './crash/bench.ts';
import sharedPostgres from './support/shared-postgres.ts';

const SCENARIOS = ['migration', 'firstSync', 'liveSync', 'apiChanges', 'deletion'] as const;
/** A scenario that never passes untouched has a loop of its own. */
const MOST_POINTS = 1_000;

async function main(): Promise<boolean> {
  const [only, first] = process.argv.slice(2);
  const { ok, reason } = await installTestbed();
  if (!ok) throw new Error(reason);
  const stopPostgres = await sharedPostgres();
  const bench = await CrashBench.open(Number(process.env.CRASH_MAILS ?? 2_000));
  let failed = 0;
  try {
    for (const scenario of SCENARIOS) {
      if (only && only !== scenario) continue;
      for (let nth = Number(first ?? 1); nth <= MOST_POINTS; nth += 1) {
        try {
          const point = await bench[scenario](nth);
          console.log(`${scenario} ${nth}: ${point ?? 'passed untouched'}`);
          if (!point) break;
        } catch (error) {
          failed += 1;
          console.log(`${scenario} ${nth}: FAILED: ${(error as Error).message}`);
        }
      }
    }
  } finally {
    await bench.close();
    await stopPostgres?.();
  }
  console.log(failed === 0 ? 'every crash was survived' : `${failed} crashes were not survived`);
  return failed === 0;
}

main().then(
  (ok) => process.exit(ok ? 0 : 1),
  (error: Error) => {
    console.error(error);
    process.exit(1);
  },
);
