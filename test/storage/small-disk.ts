import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { eventually } from '../support/eventually.ts';

/** A file system of a few megabytes in memory, which can be full. Only root can make one. */
export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), 'mailquay-disk-'));

  constructor(megabytes: number) {
    mount('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=711`, 'tmpfs', this.path]);
  }

  /** Takes all the room that is left. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.path);
    try {
      writeFileSync(this.#ballast, Buffer.alloc(bavail * bsize));
    } catch (error) {
      // Somebody took some of it meanwhile: full all the same.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /** Gives back the room that was taken. */
  makeRoom(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Takes the right to write, as a failing disk does, and gives it back. */
  writable(yes: boolean): void {
    mount('mount', ['-o', `remount,${yes ? 'rw' : 'ro'}`, this.path]);
  }

  /** Whoever uses it must have ended, or be about to. */
  async remove(): Promise<void> {
    await eventually(() => mount('umount', [this.path]));
    rmSync(this.path, { recursive: true });
  }

  get #ballast(): string {
    return join(this.path, 'ballast');
  }
}

function mount(program: string, args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? stderr}`);
}

/** A suite on small disks and a real Dovecot; where none can be mounted it is left out, and says so. */
export function describeOnSmallDisk(name: string, suite: () => void): void {
  if (canMount()) describeWithTestbed(name, suite);
  else leaveOut(name, 'only root can mount a small disk', suite);
}

/** Skips a suite and prints why. */
export function leaveOut(name: string, reason: string, suite: () => void): void {
  console.warn(`left out: ${name} (${reason})`);
  describe.skip(`${name} (left out: ${reason})`, suite);
}

/** Root in a container often may not. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const directory = mkdtempSync(join(tmpdir(), 'mailquay-disk-'));
  try {
    mount('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
    mount('umount', [directory]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
