/**
 * Incremental threading: where a batch of new messages goes, given what is known of the old ones.
 *
 * A thread is a connected component of messages under two relations, a shared key and `subjectLinks`; neither
 * depends on order, so any order of arrival and any cut into batches ends in the same partition.
 *
 * The exception is the cap. A thread holds at most MAX_THREAD_SIZE messages; a join or merge past it does not
 * happen. The message then opens (or joins) an overflow thread and its keys point there, so that later
 * messages of the conversation go on in the overflow thread. This bounds the cost: a merge moves at most
 * MAX_THREAD_SIZE - 1 messages, a thread is read whole in bounded time, and a robot that gives every mail the
 * same Message-ID or reference costs each mail one constant step. Past the cap, and only there, order matters.
 */

import type { SubjectFacts, ThreadMail } from './keys.ts';
import { isLooseReply, subjectLinks } from './subject-links.ts';

export const MAX_THREAD_SIZE = 500;

/** A stored message that may link by subject, with the thread it is in. */
export interface SubjectCandidate extends SubjectFacts {
  threadId: string;
}

export interface ThreadPlan {
  /** Message id → thread id, one for each message of the batch. */
  assignments: Map<string, string>;
  /** Threads that end: all their messages and keys move from `from` into `into`. Apply before `keys`. */
  merges: { from: string; into: string }[];
  /** Key → thread id to insert or overwrite. */
  keys: Map<string, string>;
  /** Threads of `assignments` that did not exist before. */
  created: string[];
}

/** One growing thread: new messages and known threads joined so far. */
interface Node {
  parent: Node | null;
  size: number;
  /** Known threads in it, [] when all of it is new. */
  known: string[];
  /** The earliest new message in it, which names a new thread. */
  first: ThreadMail | null;
}

/**
 * Plans a batch. Nothing is written.
 * @param newMails messages not stored yet; each `id` once
 * @param knownKeys thread of each stored key among the keys of the batch
 * @param candidatesBySubject by subject key: stored messages of that subject within SUBJECT_WINDOW of the batch
 * @param threadSizes messages in each thread that the two maps name (missing counts as 0)
 * @param newThreadId id for a thread that the given message opens; called once for each new thread
 * @param createdOrder age of each known thread, lower is older: merges keep the oldest. Missing ones are
 *   youngest; equals are ordered by id
 */
export function planThreads(
  newMails: ThreadMail[],
  knownKeys: Map<string, string>,
  candidatesBySubject: Map<string, SubjectCandidate[]>,
  threadSizes: Map<string, number>,
  newThreadId: (mail: ThreadMail) => string,
  createdOrder: Map<string, number> = new Map(),
): ThreadPlan {
  const age = (a: string, b: string) =>
    (createdOrder.get(a) ?? Number.POSITIVE_INFINITY) - (createdOrder.get(b) ?? Number.POSITIVE_INFINITY) ||
    (a < b ? -1 : a > b ? 1 : 0);
  const threads = new Map<string, Node>();
  const threadNode = (id: string): Node => {
    const made = threads.get(id) ?? {
      parent: null,
      size: threadSizes.get(id) ?? 0,
      known: [id],
      first: null,
    };
    threads.set(id, made);
    return made;
  };

  const mails = [...newMails].sort(byDate);
  const nodes = new Map<ThreadMail, Node>();
  const holders = new Map<string, Node>(); // key → who has it now
  const sameSubject = new Map<string, ThreadMail[]>();
  for (const mail of mails) {
    const node: Node = { parent: null, size: 1, known: [], first: mail };
    nodes.set(mail, node);
    for (const other of neighbours(mail)) union(node, other);
    for (const key of mail.keys) holders.set(key, node);
    if (mail.subjectKey !== null) {
      const group = sameSubject.get(mail.subjectKey);
      if (group) group.push(mail);
      else sameSubject.set(mail.subjectKey, [mail]);
    }
  }

  /** Nodes that `mail` links to: known threads, oldest first, then earlier messages of the batch. */
  function neighbours(mail: ThreadMail): Node[] {
    const known = new Set<string>();
    const fresh: Node[] = [];
    for (const key of mail.keys) {
      const holder = holders.get(key);
      if (holder) fresh.push(holder);
      else if (knownKeys.has(key)) known.add(knownKeys.get(key)!);
    }
    if (mail.subjectKey !== null) {
      for (const candidate of candidatesBySubject.get(mail.subjectKey) ?? []) {
        if (!known.has(candidate.threadId) && subjectLinks(mail, candidate)) known.add(candidate.threadId);
      }
      for (const other of sameSubject.get(mail.subjectKey) ?? []) {
        if ((isLooseReply(mail) || isLooseReply(other)) && subjectLinks(mail, other))
          fresh.push(nodes.get(other)!);
      }
    }
    return [...[...known].sort(age).map(threadNode), ...fresh];
  }

  return finish(mails, nodes, age, newThreadId);
}

/** Gives every component its thread: the oldest known one, else a new one. */
function finish(
  mails: ThreadMail[],
  nodes: Map<ThreadMail, Node>,
  age: (a: string, b: string) => number,
  newThreadId: (mail: ThreadMail) => string,
): ThreadPlan {
  const plan: ThreadPlan = { assignments: new Map(), merges: [], keys: new Map(), created: [] };
  const names = new Map<Node, string>();
  for (const mail of mails) {
    const root = rootOf(nodes.get(mail)!);
    let name = names.get(root);
    if (name === undefined) {
      const [oldest, ...others] = root.known.sort(age);
      name = oldest ?? newThreadId(root.first!);
      if (oldest === undefined) plan.created.push(name);
      for (const from of others) plan.merges.push({ from, into: name });
      names.set(root, name);
    }
    plan.assignments.set(mail.id, name);
    for (const key of mail.keys) plan.keys.set(key, name);
  }
  return plan;
}

function byDate(a: ThreadMail, b: ThreadMail): number {
  return a.date - b.date || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function rootOf(node: Node): Node {
  let root = node;
  while (root.parent) root = root.parent;
  for (let at = node; at !== root; ) {
    const next: Node = at.parent!;
    at.parent = root;
    at = next;
  }
  return root;
}

/** Joins two components unless the result would pass the cap. */
function union(a: Node, b: Node): void {
  const left = rootOf(a);
  const right = rootOf(b);
  if (left === right || left.size + right.size > MAX_THREAD_SIZE) return;
  const [big, small] = left.size >= right.size ? [left, right] : [right, left];
  small.parent = big;
  big.size += small.size;
  for (const id of small.known) big.known.push(id);
  if (big.first === null || (small.first !== null && byDate(small.first, big.first) < 0))
    big.first = small.first;
}
