import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Many short processes and threads read the same sources.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'mailquay-compile-cache');

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'testbed/**/*.test.ts'],
    // Long forms: `npm run storage` and others like it.
    exclude: process.env.LONG ? ['node_modules/**'] : ['node_modules/**', '**/*.long.test.ts'],
    globalSetup: ['test/support/shared-postgres.ts'],
    pool: 'forks',
    // Files share a process, one after the other: loading everything anew for each is a tenth of the time.
    isolate: false,
    // One more than the cores that we count on: tests wait for servers a sixth of their time.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
