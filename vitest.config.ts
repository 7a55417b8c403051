import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'testbed/**/*.test.ts'],
    globalSetup: ['test/support/shared-postgres.ts'],
    pool: 'forks',
    // Files share a process, one after the other: loading everything anew for each is a tenth of the time.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
