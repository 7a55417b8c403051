/** Private folders under the system's temporary folder; those of processes that were killed are swept. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const NAME = /^mq-(?:dovecot|postfix)-(\d+)-/;

/** A new folder whose name tells which process it belongs to. */
export function privateDir(kind: 'dovecot' | 'postfix'): string {
  sweep();
  return mkdtempSync(path.join(os.tmpdir(), `mq-${kind}-${process.pid}-`));
}

function sweep(): void {
  for (const name of readdirSync(os.tmpdir())) {
    const pid = NAME.exec(name)?.[1];
    if (!pid || existsSync(`/proc/${pid}`)) continue;
    try {
      rmSync(path.join(os.tmpdir(), name), { recursive: true, force: true });
    } catch {
      // somebody else sweeps it, or its server is still ending
    }
  }
}
