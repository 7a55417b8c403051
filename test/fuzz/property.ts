import fc from 'fast-check';

/** Runs of each property: a sample in the suite, many in `npm run fuzz`. */
const RUNS = Number(process.env.MAILQUAY_FUZZ_RUNS ?? 150);
/** Printed when a property fails, and taken from here to replay one. */
const SEED = process.env.MAILQUAY_FUZZ_SEED ? Number(process.env.MAILQUAY_FUZZ_SEED) : undefined;
export const TIMEOUT_MS = 60 * 60_000;

/** Checks a property for many values; the message of a failure has the seed. */
export function holds<T>(arbitrary: fc.Arbitrary<T>, check: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, check), { numRuns: RUNS, seed: SEED });
}

/** The same for work that waits; `share` of the usual number of runs. */
export async function holdsAsync<T>(
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => Promise<void>,
  share = 1,
): Promise<void> {
  const numRuns = Math.ceil(RUNS * share);
  await fc.assert(fc.asyncProperty(arbitrary, check), { numRuns, seed: SEED });
}

/** Words of a grammar in any order, with noise between them. */
export function soup(words: readonly string[]): fc.Arbitrary<string> {
  const noise = fc.string({ unit: 'binary', maxLength: 12 });
  const word = fc.constantFrom(...words);
  return fc
    .array(fc.oneof({ weight: 4, arbitrary: word }, { weight: 1, arbitrary: noise }), { maxLength: 60 })
    .map((parts) => parts.join(''));
}
