import { createHash } from 'node:crypto';
import { baseSubject } from '../mail/subject.ts';
import { MAX_PARTICIPANTS, type ThreadMail } from '../mail/threading/keys.ts';
import { planThreads, type SubjectCandidate } from '../mail/threading/plan.ts';
import { SUBJECT_WINDOW } from '../mail/threading/subject-links.ts';
import type { Sql } from '../store/database.ts';
import type { Scope } from '../store/scope.ts';
import {
  findSubjectCandidates,
  findThreadsByKey,
  insertThreads,
  mergeThreads,
  threadSizes,
  upsertThreadKeys,
} from '../store/thread-writes.ts';
import { base32 } from './match.ts';
import type { PackedMail } from './packed-mail.ts';

/** Stored mails of one subject that are compared with a new one, nearest in time: bounds the work of a robot's subject. */
const MAX_SUBJECT_CANDIDATES = 200;
/** Bytes of the hash behind a thread id. */
const ID_BYTES = 15;

export interface Placed {
  threadOf(messageId: string): string;
  /** Threads to sum up again. */
  touched: Set<string>;
  created: string[];
  /** Threads that ended because they were merged into an older one. */
  merged: string[];
}

/** Finds or opens the thread of each new message, and joins threads that turn out to be one. */
export async function placeInThreads(
  sql: Sql,
  scope: Scope,
  messages: { id: string; mail: PackedMail; date: number }[],
): Promise<Placed> {
  const mails = messages.map(
    ({ id, mail, date }): ThreadMail => ({
      id,
      keys: mail.threadKeys,
      subjectKey: mail.subjectKey,
      isReply: mail.isReply,
      hasReferences: mail.hasReferences,
      date,
      participants: mail.participants,
    }),
  );
  const [knownKeys, candidates] = await Promise.all([
    findThreadsByKey(sql, scope, [...new Set(mails.flatMap((m) => m.keys))]),
    subjectCandidates(sql, scope, mails),
  ]);
  const known = new Set([...knownKeys.values(), ...[...candidates.values()].flat().map((c) => c.threadId)]);
  const ages = await threadSizes(sql, scope, [...known]);
  const plan = planThreads(
    mails,
    knownKeys,
    candidates,
    new Map([...ages].map(([id, a]) => [id, a.size])),
    (mail) => threadIdOf(scope.grantId, mail.id),
    new Map([...ages].map(([id, a]) => [id, a.order])),
  );
  await Promise.all([
    insertThreads(sql, scope, plan.created),
    mergeThreads(sql, scope, plan.merges).then(() => upsertThreadKeys(sql, scope, plan.keys)),
  ]);
  return {
    threadOf: (id) => plan.assignments.get(id) as string,
    touched: new Set(plan.assignments.values()),
    created: plan.created,
    merged: plan.merges.map((m) => m.from),
  };
}

async function subjectCandidates(
  sql: Sql,
  scope: Scope,
  mails: ThreadMail[],
): Promise<Map<string, SubjectCandidate[]>> {
  const wanted = mails.flatMap((m) => (m.subjectKey ? { subjectKey: m.subjectKey, date: m.date } : []));
  const rows = await findSubjectCandidates(sql, scope, wanted, SUBJECT_WINDOW, MAX_SUBJECT_CANDIDATES);
  const found = new Map<string, SubjectCandidate[]>();
  for (const row of rows) {
    const candidate = {
      subjectKey: row.subjectKey,
      threadId: row.threadId,
      isReply: baseSubject(row.subject).isReply,
      hasReferences: row.hasReferences,
      date: row.date,
      participants: row.participants.slice(0, MAX_PARTICIPANTS),
    };
    const list = found.get(row.subjectKey);
    if (list) list.push(candidate);
    else found.set(row.subjectKey, [candidate]);
  }
  return found;
}

/** A thread is named after the message that opened it. */
function threadIdOf(grantId: string, messageId: string): string {
  const hash = createHash('sha256').update(`thread\0${grantId}\0${messageId}`).digest();
  return `t${base32(hash.subarray(0, ID_BYTES))}`;
}
