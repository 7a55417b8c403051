import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { searchDocument } from '../../src/mail/search/document.ts';
import type { Database } from '../../src/store/database.ts';
import { insertLocations } from '../../src/store/locations.ts';
import { insertMessages, type MessageContent } from '../../src/store/message-writes.ts';
import { insertThreads, refreshThreads } from '../../src/store/thread-writes.ts';
import { searchRow } from '../../src/sync/search-row.ts';
import { addMailbox, type FixtureMailbox } from './fixture.ts';

/** A mail of a large mailbox, as short as it can be. */
export interface BulkMail {
  id: string;
  threadId: string;
  date: number;
  subject: string;
  from: string;
  text: string;
  folder: 'inbox' | 'sent' | 'drafts' | 'projects';
  unread: boolean;
  starred: boolean;
  hasAttachment: boolean;
}

const BATCH = 1_000;
const EMPTY = zstdCompressSync(Buffer.alloc(0));
const NO_HEADERS = zstdCompressSync(Buffer.from('[]'));

/** A mailbox of many mails, written as the sync writes them, and then analysed as autovacuum would. */
export async function addBulkMailbox(
  db: Database,
  applicationId: string,
  email: string,
  mails: BulkMail[],
): Promise<FixtureMailbox> {
  const box = await addMailbox(db, applicationId, email, []);
  for (let at = 0; at < mails.length; at += BATCH) await addBulk(db, box, mails.slice(at, at + BATCH), at);
  await db.pool.query('ANALYZE');
  return box;
}

/** More mails in a mailbox; their UIDs begin behind `firstUid`. */
export async function addBulk(
  db: Database,
  { applicationId, grantId, folders }: FixtureMailbox,
  mails: BulkMail[],
  firstUid: number,
): Promise<void> {
  const scope = { applicationId, grantId };
  const digest = (id: string) => createHash('sha256').update(id).digest();
  await db.tenant(applicationId, async (sql) => {
    const threads = [...new Set(mails.map((mail) => mail.threadId))];
    await insertThreads(sql, scope, threads);
    await insertMessages(
      sql,
      scope,
      mails.map((mail) => {
        const from = [{ email: mail.from }];
        const document = searchDocument({
          subject: mail.subject,
          ...{ from, to: [], cc: [], bcc: [], filenames: [] },
          text: mail.text,
        });
        const content: MessageContent = {
          messageId: null,
          inReplyTo: null,
          references: [],
          subjectKey: null,
          subject: mail.subject,
          ...{ from, to: [], cc: [], bcc: [], replyTo: [] },
          participants: [mail.from],
          snippet: mail.text.slice(0, 100),
          hasAttachment: mail.hasAttachment,
          size: 1,
          sha256: digest(mail.id).toString('hex'),
        };
        return {
          ...mail,
          content: JSON.stringify(content),
          fingerprint: digest(mail.id),
          remoteId: null,
          answered: false,
          draft: false,
          sent: false,
          folderIds: [folders[mail.folder]],
          attachments: [],
          parseError: null,
          rawObject: null,
          rawOffset: null,
          body: EMPTY,
          headers: NO_HEADERS,
          search: searchRow(grantId, mail, document),
        };
      }),
      new Date(),
    );
    await insertLocations(
      sql,
      scope,
      mails.map((mail, i) => ({
        folderId: folders[mail.folder],
        uidValidity: 1,
        uid: firstUid + i + 1,
        messageId: mail.id,
        seen: !mail.unread,
        flagged: mail.starred,
        answered: false,
        draft: false,
        keywords: [],
        date: mail.date,
      })),
    );
    await refreshThreads(sql, scope, threads);
  });
}
