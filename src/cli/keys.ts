import { rotateMasterKey } from '../connect/key-rotation.ts';
import type { Secrets } from '../platform/secrets.ts';
import type { Database } from '../store/database.ts';
import { countRowsUsing, listMasterKeys } from '../store/master-keys.ts';

/** What a command of this folder works with; `out` prints one line. */
export interface KeyCommandParts {
  db: Database;
  secrets: Secrets;
  out: (line: string) => void;
}

/** `mailquay keys rotate`: a new master key, and every secret encrypted anew with it, while the server runs. False when some secrets could not be read. */
export async function rotateKeys({ db, secrets, out }: KeyCommandParts): Promise<boolean> {
  const report = await rotateMasterKey(db, secrets, {
    onStep: (step, renewed) => {
      if (step === 'switched') out('A new master key is primary; renewing secrets.');
      if (step === 'batch') out(`  ${renewed} renewed`);
    },
  });
  out(`${report.renewed} secrets are encrypted with master key ${report.primary}.`);
  for (const id of report.removed) out(`Master key ${id} is not needed any more and was forgotten.`);
  if (report.removed.length > 0 && secrets.environmentKey) {
    out('MAILQUAY_PREVIOUS_MASTER_KEYS can be unset now.');
  }
  for (const id of report.kept) out(`Master key ${id} is still needed.`);
  if (report.unreadable > 0) {
    out(
      `${report.unreadable} secrets cannot be read and were left as they are: re-authenticate those grants.`,
    );
  }
  return report.unreadable === 0;
}

/** `mailquay keys status`: which master keys there are, whether this machine has them, and what needs them. */
export async function showKeys({ db, secrets, out }: KeyCommandParts): Promise<void> {
  await db.engine(async (sql) => {
    for (const row of await listMasterKeys(sql)) {
      const state = row.is_primary ? 'primary' : 'old';
      const here = secrets.find(row.id) ? 'present' : 'MISSING';
      out(`${row.id}  ${state.padEnd(7)}  ${here}  ${await countRowsUsing(sql, row.id)} secrets`);
    }
  });
}
