#!/usr/bin/env node
// Starts mailquay with a Node that can run it. Plain JavaScript for any Node from 16 on, because the Node that npm
// runs may be older than the one that npm installed beside us (see optionalDependencies in package.json).
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED = 24;
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const entry = findEntry();

if (!entry) {
  fail('This checkout has not been built for use as a package. Run: npm run build');
} else if (major(process.versions.node) >= NEEDED) {
  process.argv[1] = entry;
  // Compiled code is kept beside the sources, as trusted as they are; where nobody may write there, it is compiled again.
  module.enableCompileCache?.(
    process.env.NODE_COMPILE_CACHE ?? join(home, 'node_modules', '.cache', 'mailquay'),
  );
  const told = noticeSignals();
  whenOrphaned(() => {
    if (!told()) process.kill(process.pid, 'SIGTERM');
  });
  await import(pathToFileURL(entry).href);
} else {
  const node = process.env.MAILQUAY_RELAUNCHED ? null : findNode();
  if (node) relaunch(node);
  else {
    fail(
      `mailquay needs Node ${NEEDED} or later, but this is Node ${process.versions.node}, and npm installed no newer one beside it. Install Node ${NEEDED} (https://nodejs.org), or install mailquay again without --omit=optional.`,
    );
  }
}

/** A checkout runs its sources, which no package holds; Node does not read TypeScript below node_modules. */
function findEntry() {
  const below = home.split(/[\\/]/).includes('node_modules');
  const entries = [below ? null : join(home, 'src', 'main.ts'), join(home, 'dist', 'main.js')];
  return entries.find((path) => path && existsSync(path));
}

/** Looks for a Node that npm installed, in node_modules here and in every directory above. */
function findNode() {
  const platform = `${process.platform}-${process.arch}`;
  for (let directory = home; ; directory = dirname(directory)) {
    for (const name of [`node-${platform}`, `node-bin-${platform}`, 'node']) {
      const root = join(directory, 'node_modules', name);
      const program = join(root, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      if (existsSync(program) && major(versionOf(root)) >= NEEDED) return program;
    }
    if (directory === dirname(directory)) return null;
  }
}

function versionOf(root) {
  try {
    return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  } catch {
    return '0';
  }
}

function major(version) {
  return Number(/\d+/.exec(version)?.[0] ?? 0);
}

/** Runs this file again with another Node; each signal reaches it once, for a second one would mean "at once". */
function relaunch(node) {
  const terminal = process.stdin.isTTY === true;
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, MAILQUAY_RELAUNCHED: '1' },
    // Signals to our process group would come twice. At a terminal it must stay in the group, to read what is typed.
    detached: !terminal,
  });
  let told = false;
  child.on('error', (error) => fail(`The Node in ${node} does not start: ${error.message}`));
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      told = true;
      // A terminal sends Ctrl-C to the child itself.
      if (signal !== 'SIGINT' || !terminal) child.kill(signal);
    });
  }
  whenOrphaned(() => {
    if (!told) child.kill('SIGTERM');
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

/**
 * npm runs us through a shell, and a signal sent to npm ends that shell without reaching us: we would stay behind with
 * the port and the data. So a parent that changes means that we were told to stop.
 */
function whenOrphaned(stop) {
  if (!process.env.npm_lifecycle_event && !process.env.MAILQUAY_RELAUNCHED) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, 250);
  timer.unref();
}

/** Tells whether a signal came that the program handles; signals that it does not handle keep their default effect. */
function noticeSignals() {
  let told = false;
  const watched = new Set();
  process.on('newListener', (event) => {
    if (!FORWARDED.includes(event) || watched.has(event)) return;
    watched.add(event);
    process.once(event, () => {
      told = true;
    });
  });
  return () => told;
}

function fail(line) {
  console.error(line);
  process.exitCode = 1;
}
