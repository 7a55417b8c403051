/** Vitest suites that need real mail servers or a browser: skipped with a printed reason, never silently in CI. */
import { describe, test } from 'vitest';
import { type Part, testbedAvailable } from './available.ts';

/** Like `describe`; without a testbed the suite is skipped, and in CI it fails. */
export function describeWithTestbed(name: string, suite: () => void, parts: Part[] = ['dovecot']): void {
  const { ok, reason } = testbedAvailable(parts);
  if (ok) {
    describe(name, suite);
  } else if (isCi()) {
    describe(name, () => {
      test('has a testbed', () => {
        throw new Error(`in CI the testbed may not be missing: ${reason}`);
      });
    });
  } else {
    console.warn(`left out: ${name} (${reason})`);
    describe.skip(`${name} (left out: ${reason})`, suite);
  }
}

function isCi(): boolean {
  return process.env.CI !== undefined && !['', '0', 'false'].includes(process.env.CI);
}
