/**
 * `npm run fuzz`: the long forms of what the suite samples, and how the time of parsers grows with their input.
 * `--parsers N` runs only the parsers, `--requests N` only the requests from /openapi.json; `--seed S` repeats a run.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { installTestbed } from '../testbed/install.ts';
import { growthFailures } from './fuzz/growth.ts';

const LONG = '100000';
const PARSERS = ['parsers', 'grammars', 'imap-replies'].map((name) => `test/fuzz/${name}.test.ts`);

const { values } = parseArgs({
  options: { parsers: { type: 'string' }, requests: { type: 'string' }, seed: { type: 'string' } },
});
const both = values.parsers === undefined && values.requests === undefined;
const seed = values.seed ?? String(randomInt(2 ** 31));
const files = [
  ...(both || values.parsers ? PARSERS : []),
  ...(both || values.requests ? ['test/fuzz/requests.test.ts'] : []),
];
const { ok, reason } = await installTestbed(['dovecot']);
if (!ok && files.includes('test/fuzz/requests.test.ts')) throw new Error(reason);
console.log(`seed ${seed}`);
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', ...files], {
  cwd: dirname(import.meta.dirname),
  stdio: 'inherit',
  env: {
    ...process.env,
    MAILQUAY_FUZZ_SEED: seed,
    MAILQUAY_FUZZ_RUNS: values.parsers ?? LONG,
    MAILQUAY_FUZZ_REQUESTS: values.requests ?? LONG,
  },
});
process.exitCode = status ?? 1;
if (both || values.parsers) {
  const { measured, failures } = growthFailures();
  for (const failure of failures) console.error(failure);
  console.log(`twice the input, ${measured} kinds: ${failures.length} take more than 2.5 times as long`);
  if (failures.length > 0) process.exitCode = 1;
}
