/**
 * `npm run bench`: what mailquay is worth against named references, measured in one run. `--short` is a smaller form
 * that shows that it works, not how fast it is.
 */
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { installTestbed } from '../testbed/install.ts';
import { firstSync } from './first-sync.ts';
import { reads } from './reads.ts';
import { table } from './result.ts';

const short = process.argv.includes('--short');
const { ok, reason } = await installTestbed();
if (!ok) {
  console.error(`The benchmark needs Dovecot: ${reason}`);
  process.exit(1);
}
const results = [
  ...(await firstSync(short ? 1_000 : 20_000)),
  ...(await reads(short ? 500 : 10_000, short ? 1 : 10)),
];
const text = table(results);
console.log(text);
if (!short) {
  const machine = `${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
  writeFileSync(
    join(import.meta.dirname, 'results.md'),
    `# Results\n\nWritten by \`npm run bench\`. ${machine}. ${new Date().toISOString().slice(0, 10)}.\n\n${text}\n`,
  );
}
process.exit(0);
