import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SubjectFacts, type ThreadMail, threadKeys, threadMail } from './keys.ts';
import { MAX_THREAD_SIZE, planThreads, type SubjectCandidate } from './plan.ts';
import { SUBJECT_WINDOW, subjectLinks } from './subject-links.ts';

const DAY = 24 * 60 * 60;

interface Written {
  messageId?: string | null;
  references?: string[];
  inReplyTo?: string[];
  subject?: string;
  from?: string;
  to?: string[];
  date?: number;
}

function mail(id: string, written: Written = {}): ThreadMail {
  const { messageId = id, references = [], inReplyTo = [], subject = '', date = 0 } = written;
  const from = [{ email: written.from ?? 'ann@example.com' }];
  const to = (written.to ?? ['bob@example.com']).map((email) => ({ email }));
  return threadMail(id, { messageId, references, inReplyTo, subject, from, to, cc: [] }, date);
}

/** A store in memory that applies plans as the real one does. */
class Store {
  readonly threadOf = new Map<string, string>();
  private readonly keys = new Map<string, string>();
  private readonly mails = new Map<string, ThreadMail>();
  private readonly order = new Map<string, number>();

  add(batch: ThreadMail[]): void {
    const candidates = new Map<string, SubjectCandidate[]>();
    for (const stored of this.mails.values()) {
      if (stored.subjectKey === null) continue;
      const list = candidates.get(stored.subjectKey) ?? [];
      list.push({ ...stored, threadId: this.threadOf.get(stored.id)! });
      candidates.set(stored.subjectKey, list);
    }
    const plan = planThreads(batch, this.keys, candidates, this.sizes(), ({ id }) => `t-${id}`, this.order);
    for (const { from, into } of plan.merges) {
      for (const [id, thread] of this.threadOf) if (thread === from) this.threadOf.set(id, into);
      for (const [key, thread] of this.keys) if (thread === from) this.keys.set(key, into);
    }
    for (const id of plan.created) this.order.set(id, this.order.size);
    for (const [id, thread] of plan.assignments) this.threadOf.set(id, thread);
    for (const [key, thread] of plan.keys) this.keys.set(key, thread);
    for (const one of batch) this.mails.set(one.id, one);
  }

  sizes(): Map<string, number> {
    const sizes = new Map<string, number>();
    for (const thread of this.threadOf.values()) sizes.set(thread, (sizes.get(thread) ?? 0) + 1);
    return sizes;
  }

  /** Sets of message ids, in a form that compares. */
  partition(): string[] {
    const sets = new Map<string, string[]>();
    for (const [id, thread] of this.threadOf) sets.set(thread, [...(sets.get(thread) ?? []), id]);
    return [...sets.values()].map((ids) => ids.sort().join(' ')).sort();
  }
}

/** Connected components under shared keys and `subjectLinks`, the slow and plain way. */
function components(mails: ThreadMail[]): string[] {
  const left = new Set(mails);
  const sets: string[] = [];
  for (const start of mails) {
    if (!left.delete(start)) continue;
    const reached = [start];
    for (const at of reached) {
      for (const other of left) {
        if (at.keys.some((key) => other.keys.includes(key)) || subjectLinks(at, other)) {
          left.delete(other);
          reached.push(other);
        }
      }
    }
    sets.push(
      reached
        .map(({ id }) => id)
        .sort()
        .join(' '),
    );
  }
  return sets.sort();
}

test('keys are short, stable, each once, and tell upper from lower case', () => {
  const keys = threadKeys({
    messageId: 'a@x',
    references: ['b@x', 'a@x', ' b@x '],
    inReplyTo: ['b@x', 'B@x'],
  });
  expect(keys).toHaveLength(3);
  expect(keys.every((key) => /^[0-9a-f]{32}$/.test(key))).toBe(true);
  expect(threadKeys({ messageId: null, references: [], inReplyTo: [] })).toEqual([]);
});

test('header links join in any order, and merge threads into the oldest', () => {
  const store = new Store();
  store.add([mail('a')]);
  store.add([mail('c', { references: ['b'] })]);
  expect(store.partition()).toEqual(['a', 'c']);
  store.add([mail('b', { inReplyTo: ['a'] })]);
  expect(store.partition()).toEqual(['a b c']);
  expect(store.threadOf.get('c')).toBe('t-a');
});

test('siblings of a parent that never arrives are one thread', () => {
  const store = new Store();
  store.add([mail('g', { references: ['gone'] }), mail('h', { references: ['gone'] })]);
  expect(store.partition()).toEqual(['g h']);
});

const original = { subject: 'Trip to Rome', from: 'ann@example.com', to: ['bob@example.com'] };
const reply = { subject: 'AW: trip to  ROME', from: 'Bob@Example.com', to: ['ann@example.com'] };
const links = (a: Written, b: Written) => {
  const [x, y] = [mail('x', a), mail('y', b)];
  expect(subjectLinks(x, y)).toBe(subjectLinks(y, x));
  return subjectLinks(x, y);
};

test('the subject links only a reply without references, between the same people, within the window', () => {
  expect(links(original, reply)).toBe(true);
  expect(links(original, { ...reply, references: ['other'] })).toBe(false);
  expect(links(original, { ...reply, subject: 'Trip to Rome' })).toBe(false);
  expect(links({ ...original, subject: '' }, { ...reply, subject: 'Re:' })).toBe(false);
  expect(links(original, { ...reply, date: SUBJECT_WINDOW })).toBe(true);
  expect(links(original, { ...reply, date: SUBJECT_WINDOW + 1 })).toBe(false);
  expect(links(original, { ...reply, from: 'eve@example.com' })).toBe(false);
  const note = { from: 'ann@example.com', to: ['ANN@example.com'] };
  expect(links({ ...note, subject: 'todo' }, { ...note, subject: 'Re: todo' })).toBe(true);
  expect(links({ ...note, subject: 'todo' }, { from: 'bob@example.com', to: [], subject: 'Re: todo' })).toBe(
    false,
  );
});

test('an original that arrives after its reply joins it', () => {
  const store = new Store();
  store.add([mail('r', { ...reply, date: DAY })]);
  store.add([mail('o', original)]);
  expect(store.partition()).toEqual(['o r']);
});

test('a thread is full at the cap, and the conversation goes on in an overflow thread', () => {
  const store = new Store();
  const all = Array.from({ length: 1200 }, (_, i) => mail(`m${i}`, { references: ['root'], date: i }));
  for (let i = 0; i < all.length; i += 70) store.add(all.slice(i, i + 70));
  expect([...store.sizes().values()].sort((a, b) => a - b)).toEqual([200, MAX_THREAD_SIZE, MAX_THREAD_SIZE]);
});

test('two full threads are not merged by a message that names both', () => {
  const store = new Store();
  const half = (root: string) =>
    Array.from({ length: 300 }, (_, i) => mail(`${root}${i}`, { references: [root] }));
  store.add(half('p'));
  store.add(half('q'));
  store.add([mail('both', { references: ['p', 'q'] })]);
  expect([...store.sizes().values()].sort((a, b) => a - b)).toEqual([300, 301]);
});

const someFacts = fc.record<SubjectFacts>({
  subjectKey: fc.constantFrom('s', 't', null),
  isReply: fc.boolean(),
  hasReferences: fc.boolean(),
  date: fc.integer({ min: 0, max: 60 * DAY }),
  participants: fc
    .uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 })
    .map((list) => list.sort()),
});

test('subjectLinks is symmetric', () => {
  fc.assert(fc.property(someFacts, someFacts, (a, b) => subjectLinks(a, b) === subjectLinks(b, a)));
});

/** Random conversations: forests with lost parents, wrong and foreign references, missing ids, subjects. */
const forest = fc
  .array(
    fc.record({
      parents: fc.array(fc.nat(40), { maxLength: 3 }),
      noId: fc.boolean(),
      replyByHeader: fc.boolean(),
      subject: fc.constantFrom('', 'Plan', 'Re: plan', 'Fwd: PLAN', 'Lunch', 'Re: lunch'),
      from: fc.constantFrom('a@x', 'b@x', 'c@x'),
      to: fc.uniqueArray(fc.constantFrom('a@x', 'b@x', 'c@x'), { maxLength: 2 }),
      date: fc.integer({ min: 0, max: 90 * DAY }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((specs) =>
    specs.map((spec, i) => {
      const ids = spec.parents.map((n) => `m${n}`);
      return mail(`m${i}`, {
        messageId: spec.noId && spec.parents.length === 0 ? null : `m${i}`,
        references: spec.replyByHeader ? [] : ids,
        inReplyTo: spec.replyByHeader ? ids.slice(0, 1) : [],
        subject: spec.subject,
        from: spec.from,
        to: spec.to,
        date: spec.date,
      });
    }),
  );

test('any order and any batches end in the connected components', () => {
  fc.assert(
    fc.property(
      forest.chain((mails) =>
        fc.tuple(
          fc.constant(mails),
          fc.shuffledSubarray(mails, { minLength: mails.length }),
          fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 30, maxLength: 30 }),
        ),
      ),
      ([mails, arrival, cuts]) => {
        const store = new Store();
        let at = 0;
        for (const size of cuts) {
          if (at >= arrival.length) break;
          store.add(arrival.slice(at, at + size));
          at += size;
        }
        if (at < arrival.length) store.add(arrival.slice(at));
        expect(store.partition()).toEqual(components(mails));
      },
    ),
    { numRuns: 400 },
  );
});

test('10,000 references, self references and loops are one pass', () => {
  const ids = Array.from({ length: 10_000 }, (_, i) => `r${i}`);
  const store = new Store();
  store.add([
    mail('x', { references: ids }),
    mail('y', { references: [...ids].reverse() }),
    mail('z', { references: ['z', 'z'] }),
  ]);
  expect(store.partition()).toEqual(['x y', 'z']);
});
