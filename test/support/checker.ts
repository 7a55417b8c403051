/**
 * An independent checker: compares what mailquay stores and shows of a mailbox with what Dovecot itself says.
 * It shares no code with the sync: folders, UIDs, flags and dates come from doveadm, bytes from a bare FETCH.
 */
import { createHash } from 'node:crypto';
import { ImapFlow } from 'imapflow';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { folderStatus } from './folder-status.ts';
import { eventually, type TestMailquay } from './mailquay.ts';

/** Which mailbox is checked, and against which server. */
export interface Checked {
  mailquay: TestMailquay;
  dovecot: Dovecot;
  user: string;
  grantId: string;
}

interface Copy {
  folder: string;
  validity: number;
  uid: number;
  /** System flags and keywords, sorted, without \Recent. */
  flags: string;
  date: number;
}

interface StoredCopy extends Copy {
  messageId: string;
  folderId: string;
  sha256: string;
}

interface StoredMessage {
  id: string;
  threadId: string;
  folderIds: string[];
  unread: boolean;
  starred: boolean;
  date: number;
  sha256: string;
}

/** Waits until store, API and events agree with Dovecot; throws the list of differences when they do not in time. */
export async function expectInStep(
  checked: Checked,
  options: { since?: Snapshot; ms?: number } = {},
): Promise<void> {
  await eventually(async () => {
    const differences = await compare(checked, options.since ?? null);
    if (differences.length > 0)
      throw new Error(
        `${differences.length} differences from Dovecot:\n${differences.slice(0, 20).join('\n')}`,
      );
  }, options.ms ?? 40_000);
}

/** What was there at a quiet moment. From then on every change must be told by exactly the events that it makes. */
export interface Snapshot {
  ids: Set<string>;
  /** Events of messages so far. */
  events: number;
}

/** Takes a snapshot; call it when the mailbox is in step and nothing changes. */
export async function snapshot(checked: Checked): Promise<Snapshot> {
  const { mailquay, grantId } = checked;
  const rows = await mailquay.sql<{ id: string }>('SELECT id FROM messages WHERE grant_id = $1', [grantId]);
  return { ids: new Set(rows.map((row) => row.id)), events: (await eventsOf(checked, 'message.%')).length };
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

async function compare(checked: Checked, since: Snapshot | null): Promise<string[]> {
  const { mailquay, grantId } = checked;
  const wrong: string[] = [];
  const truth = await truthOf(checked);
  const [stored, messages] = await Promise.all([copiesOf(checked), messagesOf(checked)]);

  const key = (c: Copy) => `${c.folder} ${c.validity}/${c.uid}`;
  const byKey = new Map(stored.map((c) => [key(c), c]));
  for (const copy of truth.copies) {
    const ours = byKey.get(key(copy));
    if (!ours) wrong.push(`not stored: ${key(copy)}`);
    else if (ours.flags !== copy.flags)
      wrong.push(`flags of ${key(copy)}: [${ours.flags}] for [${copy.flags}]`);
    byKey.delete(key(copy));
  }
  for (const extra of byKey.values()) wrong.push(`stored, but not on the server: ${key(extra)}`);
  // Bytes are worth reading only when the places agree.
  if (wrong.length === 0) {
    const digests = await digestsOf(checked, truth);
    for (const copy of stored) {
      if (digests.get(key(copy)) !== copy.sha256) wrong.push(`bytes of ${key(copy)} differ`);
    }
    wrong.push(...compareDates(checked, truth, digests, messages));
  }

  const places = new Map<string, StoredCopy[]>();
  for (const copy of stored) places.set(copy.messageId, [...(places.get(copy.messageId) ?? []), copy]);
  for (const message of messages) {
    const copies = places.get(message.id) ?? [];
    const folders = [...new Set(copies.map((c) => c.folderId))].sort();
    if (folders.length !== copies.length) wrong.push(`${message.id} twice in one folder`);
    if (folders.join() !== [...message.folderIds].sort().join())
      wrong.push(`folders of ${message.id}: ${message.folderIds} for ${folders}`);
    if (message.unread !== copies.every((c) => !c.flags.includes('\\Seen')))
      wrong.push(`unread of ${message.id} is ${message.unread}`);
    if (message.starred !== copies.some((c) => c.flags.includes('\\Flagged')))
      wrong.push(`starred of ${message.id} is ${message.starred}`);
  }
  wrong.push(
    ...(await compareFolders(checked, truth)),
    ...(await compareThreads(checked, messages)),
    ...(await compareEvents(checked, messages, since)),
  );
  const listed = await mailquay.sql<{ gone: number }>(
    'SELECT count(*) AS gone FROM message_locations WHERE grant_id = $1 AND gone_at IS NOT NULL',
    [grantId],
  );
  if (listed[0]?.gone !== 0) wrong.push(`${listed[0]?.gone} copies are not settled`);
  return wrong;
}

/** Internal dates of all copies ever seen, by server, user and digest. */
const dateCache = new WeakMap<Dovecot, Map<string, Set<number>>>();

/** A message keeps the date of one of its copies, also when that copy is gone. */
function compareDates(
  { dovecot, user }: Checked,
  truth: Truth,
  digests: Map<string, string>,
  messages: StoredMessage[],
): string[] {
  const cache = dateCache.get(dovecot) ?? new Map<string, Set<number>>();
  dateCache.set(dovecot, cache);
  for (const { folder, validity, uid, date } of truth.copies) {
    const key = `${user} ${digests.get(`${folder} ${validity}/${uid}`)}`;
    const dates = cache.get(key) ?? new Set();
    cache.set(key, dates.add(date));
  }
  return messages
    .filter((m) => !cache.get(`${user} ${m.sha256}`)?.has(m.date))
    .map((m) => `date of ${m.id} is ${m.date}`);
}

async function compareFolders({ mailquay, grantId }: Checked, truth: Truth): Promise<string[]> {
  const wrong: string[] = [];
  const shown = await allOf<{ id: string; name: string; total_count: number; unread_count: number }>(
    mailquay,
    `/v3/grants/${grantId}/folders`,
  );
  const names = new Map(shown.map((f) => [f.name, f]));
  for (const [name, { messages, unseen }] of truth.folders) {
    const folder = names.get(name);
    if (!folder) wrong.push(`no folder ${name}`);
    else if (folder.total_count !== messages || folder.unread_count !== unseen)
      wrong.push(`counts of ${name}: ${folder.total_count}/${folder.unread_count} for ${messages}/${unseen}`);
    names.delete(name);
  }
  for (const name of names.keys()) if (!truth.parents.has(name)) wrong.push(`folder ${name} is not there`);
  return wrong;
}

async function compareThreads({ mailquay, grantId }: Checked, messages: StoredMessage[]): Promise<string[]> {
  const wrong: string[] = [];
  const sums = new Map<string, { messages: number; unread: number; starred: number; latest: number }>();
  for (const m of messages) {
    const sum = sums.get(m.threadId) ?? { messages: 0, unread: 0, starred: 0, latest: m.date };
    sum.messages += 1;
    sum.unread += m.unread ? 1 : 0;
    sum.starred += m.starred ? 1 : 0;
    sum.latest = Math.max(sum.latest, m.date);
    sums.set(m.threadId, sum);
  }
  const threads = await mailquay.sql<{
    id: string;
    messages: number;
    unread: number;
    starred: number;
    latest: number;
  }>(
    `SELECT id, message_count AS messages, unread_count AS unread, starred_count AS starred, latest_date AS latest
     FROM threads WHERE grant_id = $1`,
    [grantId],
  );
  for (const thread of threads) {
    const sum = sums.get(thread.id);
    if (!sum) wrong.push(`thread ${thread.id} has no message`);
    else if (
      sum.messages !== thread.messages ||
      sum.unread !== thread.unread ||
      sum.starred !== thread.starred ||
      sum.latest !== thread.latest
    )
      wrong.push(`sums of thread ${thread.id}: ${JSON.stringify(thread)} for ${JSON.stringify(sum)}`);
    sums.delete(thread.id);
  }
  for (const id of sums.keys()) wrong.push(`thread ${id} is missing`);
  return wrong;
}

async function compareEvents(
  checked: Checked,
  messages: StoredMessage[],
  since: Snapshot | null,
): Promise<string[]> {
  const wrong: string[] = [];
  const ids = new Set(messages.map((m) => m.id));
  const alive = new Set(since?.ids ?? []);
  const updates = new Map<string, Record<string, unknown>>();
  for (const event of (await eventsOf(checked, 'message.%')).slice(since?.events ?? 0)) {
    const was = alive.has(event.id);
    if (event.type === 'message.created') {
      if (was) wrong.push(`message.created for ${event.id}, which was there`);
      alive.add(event.id);
      updates.delete(event.id);
      continue;
    }
    if (since && !was) wrong.push(`${event.type} for ${event.id}, which was not there`);
    if (event.type === 'message.updated') updates.set(event.id, event.data);
    else {
      alive.delete(event.id);
      updates.delete(event.id);
    }
  }
  if (since) {
    for (const id of ids) if (!alive.has(id)) wrong.push(`${id} came without message.created`);
    for (const id of alive) if (!ids.has(id)) wrong.push(`${id} went without message.deleted`);
  }
  for (const m of messages) {
    const told = updates.get(m.id);
    if (
      told &&
      (told.unread !== m.unread || told.starred !== m.starred || String(told.folders) !== String(m.folderIds))
    )
      wrong.push(`the last message.updated of ${m.id} does not tell how it is`);
  }
  return wrong;
}

interface Truth {
  copies: Copy[];
  folders: Map<string, { messages: number; unseen: number; validity: number }>;
  /** Folders that hold others and no mail. */
  parents: Set<string>;
}

/** What doveadm says of a user's mail. */
async function truthOf({ dovecot, user }: Checked): Promise<Truth> {
  const json = async (...args: string[]) => {
    const text = await dovecot.doveadm('-f', 'json', ...args);
    return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, string>[]);
  };
  const folders: Truth['folders'] = new Map();
  // `*` does not reach into a namespace with a prefix.
  const masks = ['*', 'INBOX', 'INBOX.*'];
  const statuses = await folderStatus(dovecot, user, 'uidvalidity messages unseen', masks);
  for (const row of statuses) {
    folders.set(row.mailbox as string, {
      messages: Number(row.messages),
      unseen: Number(row.unseen),
      validity: Number(row.uidvalidity),
    });
  }
  const rows = await json('fetch', '-u', user, 'mailbox uid flags date.received.unixtime', 'all');
  const copies = rows.map(
    (row): Copy => ({
      folder: row.mailbox as string,
      validity: folders.get(row.mailbox as string)?.validity ?? 0,
      uid: Number(row.uid),
      flags: sortedFlags((row.flags as string).split(' ')),
      date: Number(row['date.received.unixtime']),
    }),
  );
  const parents = new Set<string>();
  for (const name of folders.keys()) {
    for (let at = name.search(/[/.]/); at >= 0; ) {
      parents.add(name.slice(0, at));
      const next = name.slice(at + 1).search(/[/.]/);
      at = next < 0 ? -1 : at + 1 + next;
    }
  }
  return { copies, folders, parents };
}

function sortedFlags(flags: string[]): string {
  return flags
    .filter((flag) => flag !== '' && flag !== '\\Recent' && flag !== '\\Deleted')
    .sort()
    .join(' ');
}

/** Digests that were computed before: a copy's bytes never change (RFC 9051 2.3.1.1). */
const digestCache = new WeakMap<Dovecot, Map<string, string>>();

async function digestsOf({ dovecot, user }: Checked, truth: Truth): Promise<Map<string, string>> {
  const cache = digestCache.get(dovecot) ?? new Map<string, string>();
  digestCache.set(dovecot, cache);
  const found = new Map<string, string>();
  const open = new Map<string, number[]>();
  for (const { folder, validity, uid } of truth.copies) {
    const key = `${folder} ${validity}/${uid}`;
    const known = cache.get(`${user} ${key}`);
    if (known) found.set(key, known);
    else open.set(folder, [...(open.get(folder) ?? []), uid]);
  }
  if (open.size === 0) return found;
  const client = await bareClient(dovecot, user);
  try {
    for (const [folder, uids] of open) {
      const validity = truth.folders.get(folder)?.validity ?? 0;
      await client.mailboxOpen(folder, { readOnly: true });
      for (let i = 0; i < uids.length; i += 200) {
        for await (const row of client.fetch(
          uids.slice(i, i + 200).join(','),
          { uid: true, source: true },
          { uid: true },
        )) {
          const digest = createHash('sha256')
            .update(row.source as Buffer)
            .digest('hex');
          found.set(`${folder} ${validity}/${row.uid}`, digest);
          cache.set(`${user} ${folder} ${validity}/${row.uid}`, digest);
        }
      }
    }
  } finally {
    client.close();
  }
  return found;
}

/** A plain IMAP client of the test's own, logged in. */
export async function bareClient(dovecot: Dovecot, user: string): Promise<ImapFlow> {
  const { username, password } = dovecot.user(user);
  const client = new ImapFlow({
    host: dovecot.host,
    port: dovecot.imapPort,
    secure: false,
    doSTARTTLS: false,
    logger: false,
    disableAutoIdle: true,
    auth: { user: username, pass: password },
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** What is stored of the copies. */
async function copiesOf({ mailquay, grantId }: Checked): Promise<StoredCopy[]> {
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
async function messagesOf({ mailquay, grantId }: Checked): Promise<StoredMessage[]> {
  return mailquay.sql(
    `SELECT id, thread_id AS "threadId", folder_ids AS "folderIds", unread, starred, date,
       encode(sha256, 'hex') AS sha256 FROM messages WHERE grant_id = $1`,
    [grantId],
  );
}

/** All pages of a list, by the wire. */
export async function allOf<T>(mailquay: TestMailquay, path: string): Promise<T[]> {
  const all: T[] = [];
  let token = '';
  do {
    const page = `${path}${path.includes('?') ? '&' : '?'}limit=200${token ? `&page_token=${encodeURIComponent(token)}` : ''}`;
    const { status, body, text } = await mailquay.get<{ data: T[]; next_cursor?: string }>(page);
    if (status !== 200) throw new Error(`${page} answered ${status}: ${text.slice(0, 200)}`);
    all.push(...body.data);
    token = body.next_cursor ?? '';
  } while (token);
  return all;
}
