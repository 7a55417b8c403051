/** Compares what mailquay stores of a mailbox with the model of a scripted IMAP server. */
import { createHash } from 'node:crypto';
import type { MailModel } from './imap/model.ts';
import { eventually, type TestMailquay } from './mailquay.ts';
import type { ScriptedImap } from './scripted-imap.ts';

/** For a machine on which much else runs; what is waited for comes within a second or two otherwise. */
const LIMIT_MS = 90_000;

/** Tries until it does not throw, for as long as a loaded machine may need. */
export function soon<T>(check: () => Promise<T> | T, ms: number = LIMIT_MS): Promise<T> {
  return eventually(check, ms);
}

export interface StoredCopy {
  folder: string;
  uidValidity: number;
  uid: number;
  id: string;
  sha256: string;
  subject: string;
  parseError: string | null;
  seen: boolean;
  flagged: boolean;
}

/** All copies of a grant as they are stored, gone ones left out. */
export function storedCopies(mailquay: TestMailquay, grantId: string): Promise<StoredCopy[]> {
  return mailquay.sql(
    `SELECT f.path AS folder, l.uid_validity AS "uidValidity", l.uid, m.id, encode(m.sha256, 'hex') AS sha256, m.subject,
       m.parse_error AS "parseError", l.seen, l.flagged
     FROM message_locations l JOIN folders f ON f.grant_id = l.grant_id AND f.id = l.folder_id
     JOIN messages m ON m.grant_id = l.grant_id AND m.id = l.message_id
     WHERE l.grant_id = $1 AND l.gone_at IS NULL AND f.deleted_at IS NULL ORDER BY f.path, l.uid`,
    [grantId],
  );
}

/** What differs between the store and the model; `except` names mails (by UID of INBOX) that are not compared. */
async function differences(
  mailquay: TestMailquay,
  grantId: string,
  model: MailModel,
  except: number[] = [],
): Promise<string[]> {
  const wrong: string[] = [];
  const stored = new Map<string, StoredCopy>();
  for (const copy of await storedCopies(mailquay, grantId)) {
    stored.set(`${copy.folder} ${copy.uidValidity}/${copy.uid}`, copy);
  }
  for (const folder of model.folders.values()) {
    for (const message of folder.messages) {
      const key = `${folder.name} ${folder.uidValidity}/${message.uid}`;
      const copy = stored.get(key);
      stored.delete(key);
      if (folder.name === 'INBOX' && except.includes(message.uid)) continue;
      if (!copy) wrong.push(`not stored: ${key}`);
      else {
        if (copy.sha256 !== createHash('sha256').update(message.raw).digest('hex'))
          wrong.push(`bytes of ${key}`);
        if (copy.seen !== message.flags.has('\\Seen') || copy.flagged !== message.flags.has('\\Flagged'))
          wrong.push(`flags of ${key}`);
      }
    }
  }
  for (const key of stored.keys()) wrong.push(`stored, but not on the server: ${key}`);
  return wrong;
}

/** Waits until the store agrees with the scripted server. */
export function expectLike(
  mailquay: TestMailquay,
  grantId: string,
  server: ScriptedImap,
  options: { except?: number[] } = {},
): Promise<void> {
  return eventually(async () => {
    const wrong = await differences(mailquay, grantId, server.model, options.except);
    if (wrong.length > 0) {
      const failures = await mailquay.sql(
        'SELECT uid, attempts, reason, parked FROM sync_failures WHERE grant_id = $1',
        [grantId],
      );
      const state = await syncState(mailquay, grantId);
      throw new Error(
        `${wrong.slice(0, 10).join('\n')}\n${JSON.stringify(state)} ${JSON.stringify(failures.slice(0, 5))}\n${server.commands.slice(-12).join('\n')}`,
      );
    }
  }, LIMIT_MS);
}

export interface GrantState {
  status: string;
  phase: string;
  lastError: string | null;
  failures: number;
}

export async function syncState(mailquay: TestMailquay, grantId: string): Promise<GrantState | undefined> {
  const [row] = await mailquay.sql<GrantState>(
    `SELECT g.status, s.phase, s.last_error AS "lastError", l.failures FROM grants g LEFT JOIN sync_states s ON s.grant_id = g.id
     LEFT JOIN leases l ON l.grant_id = g.id WHERE g.id = $1`,
    [grantId],
  );
  return row;
}

/** Types of all events of messages so far, counted. */
export async function messageEvents(
  mailquay: TestMailquay,
  grantId: string,
): Promise<Record<string, number>> {
  const rows = await mailquay.sql<{ type: string; count: number }>(
    `SELECT type, count(*) AS count FROM events WHERE grant_id = $1 AND type LIKE 'message.%' GROUP BY type`,
    [grantId],
  );
  return Object.fromEntries(rows.map((row) => [row.type, row.count]));
}

/** A small mail that is like no other. */
export function mail(n: number | string, bytes = 0): string {
  const filler = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(bytes / 72));
  return (
    `From: Ada <ada@example.org>\r\nTo: me@example.org\r\nSubject: mail ${n}\r\nMessage-ID: <${n}@example.org>\r\n` +
    `Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nContent-Type: text/plain\r\n\r\nThis is mail ${n}.\r\n${filler}`
  );
}
