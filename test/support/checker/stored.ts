/** What mailquay stores and tells of a mailbox. */
import { type Checked, type Copy, sortedFlags } from './copy.ts';

export interface StoredCopy extends Copy {
  messageId: string;
  folderId: string;
  sha256: string;
}

export interface StoredMessage {
  id: string;
  threadId: string;
  folderIds: string[];
  unread: boolean;
  starred: boolean;
  date: number;
  sha256: string;
}

/** What is stored of the copies. */
export async function copiesOf({ mailquay, grantId }: Checked): Promise<StoredCopy[]> {
  const rows = await mailquay.sql<{
    folder: string;
    folderId: string;
    validity: number;
    uid: number;
    messageId: string;
    flags: string[];
    date: number;
    sha256: string;
  }>(
    `SELECT f.name AS folder, l.folder_id AS "folderId", l.uid_validity AS validity, l.uid, l.message_id AS "messageId", l.date,
       encode(m.sha256, 'hex') AS sha256, l.keywords || CASE WHEN seen THEN ARRAY['\\Seen'] ELSE '{}' END
       || CASE WHEN flagged THEN ARRAY['\\Flagged'] ELSE '{}' END || CASE WHEN l.answered THEN ARRAY['\\Answered'] ELSE '{}' END
       || CASE WHEN l.draft THEN ARRAY['\\Draft'] ELSE '{}' END AS flags
     FROM message_locations l JOIN folders f ON f.grant_id = l.grant_id AND f.id = l.folder_id
     JOIN messages m ON m.grant_id = l.grant_id AND m.id = l.message_id WHERE l.grant_id = $1`,
    [grantId],
  );
  return rows.map((row) => ({ ...row, flags: sortedFlags(row.flags) }));
}

/** What the API's lists are made from. */
export async function messagesOf({ mailquay, grantId }: Checked): Promise<StoredMessage[]> {
  return mailquay.sql(
    `SELECT id, thread_id AS "threadId", folder_ids AS "folderIds", unread, starred, date,
       encode(sha256, 'hex') AS sha256 FROM messages WHERE grant_id = $1`,
    [grantId],
  );
}

/** Events of a grant in the order in which they were written. */
export async function eventsOf(
  { mailquay, grantId }: Checked,
  type = '%',
): Promise<{ type: string; id: string; data: Record<string, unknown> }[]> {
  return mailquay.sql(
    `SELECT type, object_id AS id, data FROM events WHERE grant_id = $1 AND type LIKE $2 ORDER BY transaction, sequence`,
    [grantId, type],
  );
}
