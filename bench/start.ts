/** From `npm start` to the first answered request, with a new data directory and with one that is there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../testbed/process.ts';
import { figure, type Result } from './result.ts';

const SERVER = path.join(import.meta.dirname, '..', 'bin', 'mailquay.js');
const WAIT_MS = 60_000;

export async function starts(): Promise<Result[]> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'mailquay-bench-'));
  try {
    const cold = await start(dataDir);
    const warm = await start(dataDir);
    return [
      {
        what: 'cold start (initdb included) to the first answer',
        ours: figure(cold, 's'),
        reference: null,
        goal: { most: 5 },
      },
      {
        what: 'warm start to the first answer',
        ours: figure(warm, 's'),
        reference: null,
        goal: { most: 1.5 },
      },
    ];
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Seconds until a request is answered. */
async function start(dataDir: string): Promise<number> {
  const [port] = await freePorts(1);
  const began = performance.now();
  const child = spawn(process.execPath, [SERVER, 'start'], {
    env: { ...process.env, MAILQUAY_DATA_DIR: dataDir, MAILQUAY_PORT: String(port) },
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  try {
    while (performance.now() - began < WAIT_MS) {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
      if (answer?.ok) return (performance.now() - began) / 1000;
      await sleep(5);
    }
    throw new Error(`mailquay did not answer within ${WAIT_MS} ms`);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}
