import { createHash } from 'node:crypto';
import type { Dovecot } from '../../../testbed/dovecot.ts';
import { allOf } from '../all-pages.ts';
import type { Checked, Copy } from './copy.ts';
import { copiesOf, eventsOf, messagesOf, type StoredCopy, type StoredMessage } from './stored.ts';
import { digestsOf, type Truth, truthOf } from './truth.ts';

/** What was there at a quiet moment. From then on every change must be told by exactly the events that it makes. */
export interface Snapshot {
  ids: Set<string>;
  /** Events of messages so far. */
  events: number;
}

/** All differences between store, API and events on the one hand and Dovecot on the other, in words. */
export async function compare(checked: Checked, since: Snapshot | null): Promise<string[]> {
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

/** Tells of a copy that may be gone before anybody looks. `date`: INTERNALDATE, unix seconds. */
export function noteCopy(dovecot: Dovecot, user: string, raw: Buffer, date: number): void {
  addDate(dovecot, user, createHash('sha256').update(raw).digest('hex'), date);
}

function addDate(dovecot: Dovecot, user: string, sha256: string | undefined, date: number): void {
  const cache = dateCache.get(dovecot) ?? new Map<string, Set<number>>();
  dateCache.set(dovecot, cache);
  const key = `${user} ${sha256}`;
  cache.set(key, (cache.get(key) ?? new Set()).add(date));
}

/** A message keeps the date of one of its copies, also when that copy is gone. */
function compareDates(
  { dovecot, user }: Checked,
  truth: Truth,
  digests: Map<string, string>,
  messages: StoredMessage[],
): string[] {
  for (const { folder, validity, uid, date } of truth.copies)
    addDate(dovecot, user, digests.get(`${folder} ${validity}/${uid}`), date);
  const cache = dateCache.get(dovecot);
  return messages
    .filter((m) => !cache?.get(`${user} ${m.sha256}`)?.has(m.date))
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
