/**
 * `npm test`: brings the mail servers and a browser, runs the suite, and ends with `N passed, N failed, N skipped`. Arguments go on
 * to Vitest. `--system-postgres` runs only the tests that touch the database, on Debian's PostgreSQL.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { installTestbed } from '../testbed/install.ts';
import { databaseTests, startSystemPostgres } from './system-postgres.ts';

const ROOT = dirname(import.meta.dirname);
const SYSTEM_POSTGRES = '--system-postgres';
/** Requests of the fuzz in CI: the run on Debian's PostgreSQL sends them, the one before it a part of them. */
const CI_FUZZ_REQUESTS = '20000';

/** Results of single tests, as in the last line. */
interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface JsonReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

async function main(): Promise<Counts> {
  const args = process.argv.slice(2);
  if (!(await bringMailServers()) || !(await bringBrowser())) return { passed: 0, failed: 1, skipped: 0 };
  if (!args.includes(SYSTEM_POSTGRES)) return vitest(args);

  const files = databaseTests(ROOT);
  if (files.length === 0) throw new Error('no test touches the database');
  const server = await startSystemPostgres();
  try {
    console.log(`PostgreSQL ${server.version}: ${files.length} files of tests`);
    const others = args.filter((arg) => arg !== SYSTEM_POSTGRES);
    const env = { MAILQUAY_FUZZ_REQUESTS: CI_FUZZ_REQUESTS, ...process.env, DATABASE_URL: server.url };
    return await vitest([...files, ...others], env);
  } finally {
    await server.stop();
  }
}

/** Whether the suite may run. Outside CI it also runs without mail servers, and says so. */
async function bringMailServers(): Promise<boolean> {
  const { ok, reason } = await installTestbed();
  if (ok) return true;
  if (isCi()) {
    console.error(`In CI nothing may be left out: ${reason}`);
    return false;
  }
  console.log(`The tests on real mail servers are left out: ${reason}`);
  process.env.MAILQUAY_TESTBED = 'off';
  return true;
}

/** The same for the browser; the tests that need it look for it themselves. */
async function bringBrowser(): Promise<boolean> {
  const { ok, reason } = await installTestbed(['chromium']);
  if (ok) return true;
  if (isCi()) console.error(`In CI nothing may be left out: ${reason}`);
  else console.log(`The tests in a browser are left out: ${reason}`);
  return !isCi();
}

function isCi(): boolean {
  return !['', '0', 'false'].includes(process.env.CI ?? '');
}

async function vitest(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Counts> {
  const directory = mkdtempSync(join(tmpdir(), 'mailquay-test-'));
  const report = join(directory, 'report.json');
  const program = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const child = spawn(process.execPath, [program, 'run', ...reporters, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  // Ctrl-C reaches Vitest as well; we stay to tell the outcome.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  try {
    const ended = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 1));
    });
    return count(report, ended === 0);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A file that fails before its first test counts as one failure, and so does a run that fails for another reason. */
function count(file: string, endedWell: boolean): Counts {
  let report: JsonReport;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as JsonReport;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = report.numFailedTests + brokenFiles.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !endedWell ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

main().then(
  ({ passed, failed, skipped }) => {
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  },
  (error: Error) => {
    console.error(error.message);
    console.log('0 passed, 1 failed, 0 skipped');
    process.exitCode = 1;
  },
);
