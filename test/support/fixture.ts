import { createHash, randomUUID } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { searchDocument, visibleText } from '../../src/mail/search/document.ts';
import { generateApiKey, insertApiKey } from '../../src/store/api-keys.ts';
import { insertApplication } from '../../src/store/applications.ts';
import type { BlobStore } from '../../src/store/blobs/blob-store.ts';
import type { Database } from '../../src/store/database.ts';
import { insertSearchRows } from '../../src/store/search-writes.ts';
import { searchRow } from '../../src/sync/search-row.ts';

export interface FixtureApplication {
  id: string;
  key: string;
}

export interface FixtureMessage {
  id: string;
  threadId: string;
  date: number;
  raw: Buffer;
  attachments: { id: string; content: Buffer; offset: number; length: number }[];
}

/** A mailbox as sync would have left it. */
export interface FixtureMailbox {
  applicationId: string;
  grantId: string;
  email: string;
  folders: Record<'inbox' | 'sent' | 'drafts' | 'projects', string>;
  messages: FixtureMessage[];
}

export interface MessageSpec {
  id?: string;
  threadId?: string;
  subject?: string;
  date?: number;
  folder?: 'inbox' | 'sent' | 'drafts' | 'projects';
  from?: { name?: string; email: string }[];
  to?: { name?: string; email: string }[];
  cc?: { name?: string; email: string }[];
  bcc?: { name?: string; email: string }[];
  metadata?: Record<string, string>;
  unread?: boolean;
  starred?: boolean;
  draft?: boolean;
  body?: string;
  /** With a content id it is inline. */
  attachments?: {
    filename: string | null;
    contentType: string;
    content: Buffer;
    id?: string;
    contentId?: string;
  }[];
}

/** An application with a key that works. */
export async function addApplication(db: Database, name: string): Promise<FixtureApplication> {
  return db.engine(async (sql) => {
    const { id } = await insertApplication(sql, name);
    const value = generateApiKey();
    await insertApiKey(sql, { applicationId: id, name: 'test', value });
    return { id, key: value.reveal() };
  });
}

/** A grant with four folders, and the messages that are described. Without a blob store there are no raw copies. */
export async function addMailbox(
  db: Database,
  applicationId: string,
  email: string,
  specs: MessageSpec[],
  blobs?: BlobStore,
): Promise<FixtureMailbox> {
  const grantId = randomUUID();
  const folders = { inbox: randomUUID(), sent: randomUUID(), drafts: randomUUID(), projects: randomUUID() };
  const mailbox: FixtureMailbox = { applicationId, grantId, email, folders, messages: [] };
  await db.tenant(applicationId, async (sql) => {
    await sql.run(
      `INSERT INTO grants (id, application_id, provider, email, email_key) VALUES ($1, $2, 'imap', $3, lower($3))`,
      [grantId, applicationId, email],
    );
    const uses = { inbox: '\\Inbox', sent: '\\Sent', drafts: '\\Drafts', projects: null };
    for (const [name, use] of Object.entries(uses)) {
      await sql.run(
        `INSERT INTO folders (application_id, grant_id, id, path, name, special_use) VALUES ($1, $2, $3, $4, $4, $5)`,
        [applicationId, grantId, folders[name as keyof typeof folders], name, use],
      );
    }
  });
  for (const spec of specs) mailbox.messages.push(await addMessage(db, mailbox, spec, blobs));
  return mailbox;
}

/** One more message in the mailbox; threads, counts and locations move along. */
export async function addMessage(
  db: Database,
  mailbox: FixtureMailbox,
  spec: MessageSpec,
  blobs?: BlobStore,
): Promise<FixtureMessage> {
  const { applicationId, grantId } = mailbox;
  const id = spec.id ?? randomUUID();
  const threadId = spec.threadId ?? `t-${id}`;
  const date = spec.date ?? 1_700_000_000;
  const folderId = mailbox.folders[spec.folder ?? 'inbox'];
  const from = spec.from ?? [{ name: 'Ada', email: 'ada@example.org' }];
  const to = spec.to ?? [{ email: mailbox.email }];
  const cc = spec.cc ?? [];
  const bcc = spec.bcc ?? [];
  const subject = spec.subject ?? 'Hello';
  const body = spec.body ?? `<p>${subject}</p>`;
  const built = buildRaw(id, subject, spec.attachments ?? []);
  let object: string | null = null;
  if (blobs) {
    object = `raw/${grantId}/2026-11-24/${randomUUID()}`;
    // Something before and after it, as in the object of a batch.
    await blobs.put(object, [Buffer.from('before'), built.raw, Buffer.from('after')]);
  }
  const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  await db.tenant(applicationId, async (sql) => {
    await sql.run(
      `INSERT INTO threads (application_id, grant_id, id, subject, snippet, earliest_date, latest_date,
         latest_received_date, message_count, unread_count, starred_count, has_attachments, has_drafts)
       VALUES ($1, $2, $3, $4, $4, $5, $5, $5, 1, $6::int, $7::int, $8, $9)
       ON CONFLICT (grant_id, id) DO UPDATE SET message_count = threads.message_count + 1,
         latest_date = greatest(threads.latest_date, excluded.latest_date),
         earliest_date = least(threads.earliest_date, excluded.earliest_date),
         unread_count = threads.unread_count + excluded.unread_count,
         starred_count = threads.starred_count + excluded.starred_count,
         has_attachments = threads.has_attachments OR excluded.has_attachments,
         has_drafts = threads.has_drafts OR excluded.has_drafts`,
      [
        applicationId,
        grantId,
        threadId,
        subject,
        date,
        Number(spec.unread ?? false),
        Number(spec.starred ?? false),
        built.attachments.length > 0,
        spec.draft ?? false,
      ],
    );
    await sql.run(
      `INSERT INTO messages (application_id, grant_id, id, thread_id, fingerprint, message_id, subject, "from", "to",
         cc, reply_to, participants, date, snippet, unread, starred, answered, draft, sent, folder_ids,
         attachments, has_attachment, size, sha256, raw_object, raw_offset, raw_stored_at, bcc, metadata, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '[]', $11, $12, $13, $14, $15, false, $16, false, $17,
         $18, $19, $20, $21, $22, $23, $24, $25, $26, now(), now())`,
      [
        applicationId,
        grantId,
        id,
        threadId,
        sha(Buffer.from(id)),
        `${id}@example.org`,
        subject,
        JSON.stringify(from),
        JSON.stringify(to),
        JSON.stringify(cc),
        [...from, ...to, ...cc, ...bcc].map((p) => p.email.toLowerCase()),
        date,
        subject,
        spec.unread ?? false,
        spec.starred ?? false,
        spec.draft ?? false,
        [folderId],
        JSON.stringify(built.attachments.map(({ content: _, ...stored }) => stored)),
        built.attachments.length > 0,
        built.raw.length,
        sha(built.raw),
        object,
        object ? 'before'.length : null,
        object ? new Date() : null,
        JSON.stringify(bcc),
        JSON.stringify(spec.metadata ?? {}),
      ],
    );
    const document = searchDocument({
      ...{ subject, from, to, cc, bcc },
      filenames: built.attachments.flatMap(({ filename }) => filename ?? []),
      text: visibleText(body, null),
    });
    await insertSearchRows(sql, { applicationId, grantId }, [searchRow(grantId, { id, date }, document)]);
    const headers = [
      { name: 'Received', value: 'from a' },
      { name: 'Received', value: 'from b' },
      { name: 'Message-ID', value: `<${id}@example.org>` },
      { name: 'Subject', value: subject },
    ];
    await sql.run(
      `INSERT INTO message_bodies (application_id, grant_id, message_id, body, headers) VALUES ($1, $2, $3, $4, $5)`,
      [applicationId, grantId, id, zstdCompressSync(body), zstdCompressSync(JSON.stringify(headers))],
    );
    await sql.run(
      `INSERT INTO message_locations (application_id, grant_id, folder_id, uid_validity, uid, message_id, seen, flagged,
         answered, draft, date)
       SELECT $1, $2, $3, 1, coalesce(max(uid), 0) + 1, $4, $5, $6, false, $7, $8 FROM message_locations WHERE grant_id = $2`,
      [
        applicationId,
        grantId,
        folderId,
        id,
        !(spec.unread ?? false),
        spec.starred ?? false,
        spec.draft ?? false,
        date,
      ],
    );
    await sql.run(
      'UPDATE folders SET total_count = total_count + 1, unread_count = unread_count + $3::int WHERE grant_id = $1 AND id = $2',
      [grantId, folderId, Number(spec.unread ?? false)],
    );
  });
  return { id, threadId, date, raw: built.raw, attachments: built.attachments };
}

/** A small mail whose attachments are base64, with the byte range of each. */
function buildRaw(id: string, subject: string, specs: NonNullable<MessageSpec['attachments']>) {
  let raw = Buffer.from(
    `Message-ID: <${id}@example.org>\r\nSubject: ${subject}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n` +
      '--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n',
  );
  const attachments = specs.map((spec, index) => {
    const encoded = Buffer.from(base64Lines(spec.content));
    const head = Buffer.from('--b\r\nContent-Transfer-Encoding: base64\r\n\r\n');
    const offset = raw.length + head.length;
    raw = Buffer.concat([raw, head, encoded, Buffer.from('\r\n')]);
    return {
      id: spec.id ?? `${id}-${index + 2}`,
      filename: spec.filename,
      content_type: spec.contentType,
      size: spec.content.length,
      is_inline: spec.contentId !== undefined,
      content_id: spec.contentId ?? null,
      content_disposition: spec.contentId === undefined ? 'attachment' : 'inline',
      part: String(index + 2),
      encoding: 'base64',
      offset,
      length: encoded.length,
      sha256: createHash('sha256').update(encoded).digest('hex'),
      content: spec.content,
    };
  });
  return { raw: Buffer.concat([raw, Buffer.from('--b--\r\n')]), attachments };
}

/** Lines of 76 characters, as mail has them. */
function base64Lines(content: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < content.length; at += 57) lines.push(content.toString('base64', at, at + 57));
  return lines.join('\r\n');
}
