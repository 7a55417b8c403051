/**
 * `npm run bench`: what mailquay is worth against named references, measured in one run. `-- --short` is a smaller form
 * that shows that it works, not how fast it is; `-- NAME…` measures only these.
 */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { installTestbed } from '../testbed/install.ts';
import { firstSync } from './first-sync.ts';
import { idleGrants } from './idle.ts';
import { newMail } from './new-mail.ts';
import { reads } from './reads.ts';
import { type Result, table } from './result.ts';
import { starts } from './start.ts';

const short = process.argv.includes('--short');
const BENCHES: Record<string, () => Promise<Result[]>> = {
  start: starts,
  'first-sync': () => firstSync(short ? 1_000 : 20_000),
  'new-mail': () => newMail(short ? 300 : 20_000, short ? 10 : 200),
  idle: () => idleGrants(short ? [1, 5] : [1, 200, 1_000]),
  reads: () =>
    reads(short ? { messages: 500, times: 3, seconds: 1 } : { messages: 10_000, times: 100, seconds: 10 }),
};

const named = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const unknown = named.filter((name) => !(name in BENCHES));
if (unknown.length > 0) fail(`There is no "${unknown[0]}"; there are ${Object.keys(BENCHES).join(', ')}.`);
const { ok, reason } = await installTestbed();
if (!ok) fail(`The benchmark needs Dovecot: ${reason}`);

const results: Result[] = [];
for (const [name, bench] of Object.entries(BENCHES)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const began = performance.now();
  const found = await bench();
  results.push(...found);
  console.error(`${name}: ${((performance.now() - began) / 1000).toFixed(0)} s\n${table(found)}\n`);
}
const text = table(results);
console.log(text);
if (!short && named.length === 0) {
  const machine = `${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
  writeFileSync(
    join(import.meta.dirname, 'results.md'),
    `# Results\n\nWritten by \`npm run bench\`. ${machine}. ${new Date().toISOString().slice(0, 10)}.\n\n${text}\n`,
  );
}
process.exit(0);

function fail(words: string): never {
  console.error(words);
  process.exit(1);
}
