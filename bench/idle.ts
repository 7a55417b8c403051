/**
 * Memory of idle grants, in processes that do nothing else. As a script: `idle.ts mailquay|bare PORT COUNT…`, told the
 * users' password by the environment; prints the bytes in use at each count as JSON.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapFlow } from 'imapflow';
import { startDovecot } from '../testbed/dovecot.ts';
import { startMailquay } from './mailquay.ts';
import { figure, type Result } from './result.ts';

/** What a grant may take, in KB. */
const GOAL_KB = 120;
/** So many are connected at the same time. */
const AT_ONCE = 10;
/** Memory settles for so long, in ms, before it is read. */
const SETTLE_MS = 5_000;

const userOf = (n: number) => `idle${n}@mailquay.example`;

/** Measures with as many grants as the counts say, ascending; the first is what the process takes by itself. */
export async function idleGrants(counts: number[]): Promise<Result[]> {
  const dovecot = await startDovecot();
  try {
    const { password } = dovecot.user(userOf(0));
    for (let n = 1; n < Math.max(...counts); n += 1) dovecot.user(userOf(n));
    const ours = await measured('mailquay', dovecot.imapPort, password, counts);
    const bare = await measured('bare', dovecot.imapPort, password, counts);
    const perGrant = (bytes: number[], i: number) =>
      ((bytes[i] as number) - (bytes[0] as number)) / ((counts[i] as number) - (counts[0] as number)) / 1000;
    return counts.flatMap((count, i): Result[] =>
      i === 0
        ? [
            {
              what: 'memory of the process with one idle grant',
              ours: figure((ours[0] as number) / 1e6, 'MB'),
              reference: null,
              goal: null,
            },
          ]
        : [
            {
              what: `memory of each further idle grant, ${count} grants`,
              ours: figure(perGrant(ours, i), 'KB'),
              reference: { what: 'a bare IDLE connection', figure: figure(perGrant(bare, i), 'KB') },
              goal: { most: GOAL_KB },
            },
          ],
    );
  } finally {
    await dovecot.stop();
  }
}

async function measured(
  what: 'mailquay' | 'bare',
  port: number,
  password: string,
  counts: number[],
): Promise<number[]> {
  const args = ['--expose-gc', import.meta.filename, what, String(port), ...counts.map(String)];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, BENCH_PASSWORD: password },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await text(child.stdout)) as number[];
}

async function connectBare(port: number, user: string, password: string): Promise<void> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    doSTARTTLS: false,
    auth: { user, pass: password },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen('INBOX', { readOnly: true });
  void client.idle();
}

/** Heap and buffers after a collection: what is in use, not what the allocator keeps for later. */
async function inUse(): Promise<number> {
  await sleep(SETTLE_MS);
  for (let i = 0; i < 3; i += 1) global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function measure(what: string, port: number, password: string, counts: number[]): Promise<number[]> {
  const mailquay = what === 'mailquay' ? await startMailquay() : null;
  const connect = (n: number) =>
    mailquay
      ? mailquay.sync({ username: userOf(n), password, port })
      : connectBare(port, userOf(n), password);
  const bytes: number[] = [];
  let connected = 0;
  for (const count of counts) {
    while (connected < count) {
      const next = Math.min(AT_ONCE, count - connected);
      await Promise.all(Array.from({ length: next }, (_, i) => connect(connected + i)));
      connected += next;
    }
    bytes.push(await inUse());
  }
  await mailquay?.stop();
  return bytes;
}

if (process.argv[1] === import.meta.filename) {
  const [, , what, port, ...counts] = process.argv as string[];
  const bytes = await measure(what!, Number(port), process.env.BENCH_PASSWORD!, counts.map(Number));
  console.log(JSON.stringify(bytes));
  process.exit(0);
}
