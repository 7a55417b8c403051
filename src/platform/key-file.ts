import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { StartupError } from './errors.ts';
import { makeDataDirectory } from './make-directory.ts';
import { type MasterKey, parseMasterKey } from './master-key.ts';

const COMMENT = `# Master keys of this mailquay, one a line. Whoever has this file and the database can read every stored
# password; whoever loses it can read none. Keep a copy in a safe place, apart from copies of the database.
`;

export function keyFilePath(dataDir: string): string {
  return join(dataDir, 'master.key');
}

/**
 * The keys in `<dataDir>/master.key`; none when there is no file. Synchronous, because it is small, and because
 * a running server reads it in the middle of a decryption when a rotation has made a new key.
 */
export function readKeyFile(dataDir: string): MasterKey[] {
  const path = keyFilePath(dataDir);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    // Whether there can be a data directory at all is told by whoever makes it.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw new StartupError(`The key file ${path} cannot be read: ${(error as Error).message}`);
  }
  let text: string;
  try {
    if ((fstatSync(file).mode & 0o077) !== 0) {
      throw new StartupError(
        `The key file ${path} can be read by other users of this machine. Run: chmod 600 "${path}" (and if others may have read it: mailquay keys rotate)`,
      );
    }
    text = readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => parseMasterKey(line, `The key file ${path}`));
  if (keys.length === 0)
    throw new StartupError(`The key file ${path} holds no key. Restore it from your copy.`);
  return keys;
}

/** Replaces the key file in one step: whoever reads it, or is killed, finds the old or the new file, whole. */
export function writeKeyFile(dataDir: string, keys: MasterKey[]): void {
  makeDataDirectory(dataDir);
  const path = keyFilePath(dataDir);
  const owner = statSync(path, { throwIfNoEntry: false });
  const temporary = `${path}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  const file = openSync(temporary, 'wx', 0o600);
  try {
    fchmodSync(file, 0o600);
    // The command line may run as root and the server not: the file stays the server's.
    if (owner && owner.uid !== process.geteuid?.()) fchownSync(file, owner.uid, owner.gid);
    writeFileSync(file, `${COMMENT}${keys.map((key) => key.export()).join('\n')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncDirectory(dataDir);
}

export function removeKeyFile(dataDir: string): void {
  rmSync(keyFilePath(dataDir), { force: true });
  syncDirectory(dataDir);
}

function syncDirectory(dataDir: string): void {
  const directory = openSync(dataDir, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
