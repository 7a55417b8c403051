import type { Sql } from './database.ts';
import type { Scope } from './scope.ts';

/** Which thread each of these Message-ID keys (hex) leads to. */
export async function findThreadsByKey(sql: Sql, scope: Scope, keys: string[]): Promise<Map<string, string>> {
  if (keys.length === 0) return new Map();
  const rows = await sql.rows<{ key: string; thread_id: string }>(
    `SELECT encode(key, 'hex') AS key, thread_id FROM thread_keys WHERE grant_id = $1
       AND key = ANY(ARRAY(SELECT decode(k, 'hex') FROM unnest($2::text[]) AS k))`,
    [scope.grantId, keys],
  );
  return new Map(rows.map((r) => [r.key, r.thread_id]));
}

/** A stored mail that may share a thread by its subject. */
export interface SubjectCandidate {
  subjectKey: string;
  threadId: string;
  subject: string;
  hasReferences: boolean;
  date: number;
  participants: string[];
}

/** Mails with one of these base subjects, nearest in time first, at most `limit` for each. */
export async function findSubjectCandidates(
  sql: Sql,
  scope: Scope,
  wanted: { subjectKey: string; date: number }[],
  windowSeconds: number,
  limit: number,
): Promise<SubjectCandidate[]> {
  if (wanted.length === 0) return [];
  return sql.rows(
    `SELECT w.key AS "subjectKey", c.* FROM unnest($2::text[], $3::bigint[]) AS w (key, date)
     CROSS JOIN LATERAL (
       SELECT m.thread_id AS "threadId", m.subject, (m.in_reply_to IS NOT NULL OR cardinality(m."references") > 0) AS "hasReferences",
         m.date, m.participants
       FROM messages m WHERE m.grant_id = $1 AND m.subject_key = decode(w.key, 'hex') AND m.date BETWEEN w.date - $4 AND w.date + $4
       ORDER BY abs(m.date - w.date) LIMIT $5) c`,
    [scope.grantId, wanted.map((w) => w.subjectKey), wanted.map((w) => w.date), windowSeconds, limit],
  );
}

/** Age and size of threads: the older one wins a merge. */
export async function threadSizes(
  sql: Sql,
  scope: Scope,
  ids: string[],
): Promise<Map<string, { size: number; order: number }>> {
  if (ids.length === 0) return new Map();
  const rows = await sql.rows<{ id: string; size: number; order: number }>(
    `SELECT id, message_count AS size, created_order AS "order" FROM threads WHERE grant_id = $1 AND id = ANY($2::text[])`,
    [scope.grantId, ids],
  );
  return new Map(rows.map((r) => [r.id, { size: r.size, order: r.order }]));
}

/** Makes empty threads; `refreshThreads` sums them up. */
export async function insertThreads(sql: Sql, scope: Scope, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql.run(
    `INSERT INTO threads (application_id, grant_id, id) SELECT $1, $2, id FROM unnest($3::text[]) AS t (id)
     ON CONFLICT (grant_id, id) DO NOTHING`,
    [scope.applicationId, scope.grantId, ids],
  );
}

/** Moves all messages and keys of threads into others, and deletes the emptied ones. */
export async function mergeThreads(
  sql: Sql,
  scope: Scope,
  merges: { from: string; into: string }[],
): Promise<void> {
  if (merges.length === 0) return;
  const values = [scope.grantId, merges.map((m) => m.from), merges.map((m) => m.into)];
  await sql.run(
    `UPDATE messages m SET thread_id = x.into FROM unnest($2::text[], $3::text[]) AS x ("from", "into")
     WHERE m.grant_id = $1 AND m.thread_id = x."from"`,
    values,
  );
  await sql.run(
    `UPDATE thread_keys k SET thread_id = x.into FROM unnest($2::text[], $3::text[]) AS x ("from", "into")
     WHERE k.grant_id = $1 AND k.thread_id = x."from"`,
    values,
  );
  await sql.run('DELETE FROM threads WHERE grant_id = $1 AND id = ANY($2::text[])', [
    scope.grantId,
    values[1],
  ]);
}

/** Points Message-ID keys at threads. */
export async function upsertThreadKeys(sql: Sql, scope: Scope, keys: Map<string, string>): Promise<void> {
  if (keys.size === 0) return;
  await sql.run(
    `INSERT INTO thread_keys (application_id, grant_id, key, thread_id)
     SELECT $1, $2, decode(k, 'hex'), t FROM unnest($3::text[], $4::text[]) AS n (k, t)
     ON CONFLICT (grant_id, key) DO UPDATE SET thread_id = excluded.thread_id`,
    [scope.applicationId, scope.grantId, [...keys.keys()], [...keys.values()]],
  );
}

/** Sums threads up from their messages and deletes those without any; at most 500 messages each, so the cost is bounded. */
export async function refreshThreads(sql: Sql, scope: Scope, ids: string[]): Promise<{ deleted: string[] }> {
  if (ids.length === 0) return { deleted: [] };
  const deleted = await sql.rows<{ id: string }>(
    `WITH s AS MATERIALIZED (
       SELECT thread_id, (array_agg(subject ORDER BY date, id))[1] AS subject, (array_agg(snippet ORDER BY date DESC, id DESC))[1] AS snippet,
         min(date) AS earliest, max(date) AS latest, max(date) FILTER (WHERE NOT sent AND NOT draft) AS received, max(date) FILTER (WHERE sent AND NOT draft) AS sent,
         count(*) AS messages, count(*) FILTER (WHERE unread) AS unread, count(*) FILTER (WHERE starred) AS starred,
         bool_or(has_attachment) AS attachments, bool_or(draft) AS drafts
       FROM messages WHERE grant_id = $1 AND thread_id = ANY($2::text[]) GROUP BY thread_id
     ), summed AS (
     UPDATE threads t SET subject = s.subject, snippet = s.snippet, earliest_date = s.earliest, latest_date = s.latest,
       latest_received_date = s.received, latest_sent_date = s.sent, message_count = s.messages, unread_count = s.unread,
       starred_count = s.starred, has_attachments = s.attachments, has_drafts = s.drafts
     FROM s WHERE t.grant_id = $1 AND t.id = s.thread_id)
     DELETE FROM threads t WHERE t.grant_id = $1 AND t.id = ANY($2::text[]) AND t.id NOT IN (SELECT thread_id FROM s)
     RETURNING t.id`,
    [scope.grantId, ids],
  );
  return { deleted: deleted.map((r) => r.id) };
}
