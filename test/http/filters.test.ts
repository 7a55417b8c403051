/** Every filter alone and together, through the SDK, against the same filter in plain JavaScript. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { startApi, type TestApi } from '../support/api.ts';
import {
  addApplication,
  addMailbox,
  type FixtureApplication,
  type FixtureMailbox,
  type MessageSpec,
} from '../support/fixture.ts';

const SEED = 20_261_124;
const MESSAGES = 300;
const START = 1_700_000_000;
const PEOPLE = [
  'ada@x.example',
  'Bob@X.example',
  'çelik@bücher.example',
  '"o\'neil"@y.example',
  'me@example.com',
];
const SUBJECTS = [
  'Rechnung 2024',
  'rechnung nr. 7',
  '100%_off',
  'Été à Paris',
  'ÉTÉ',
  '会議の件',
  "it's \\ done",
  '',
];
const FOLDERS = ['inbox', 'sent', 'drafts', 'projects'] as const;
const PAIRS = [{ key1: 'a' }, { key1: 'a', key2: 'x,y' }, { key2: 'x' }, { key6: 'a' }, {}] as Record<
  string,
  string
>[];

/** A message as the model knows it. */
interface Known
  extends Required<
    Pick<MessageSpec, 'id' | 'threadId' | 'subject' | 'date' | 'unread' | 'starred' | 'draft'>
  > {
  from: string[];
  to: string[];
  cc: string[];
  bcc: string[];
  folders: string[];
  hasAttachment: boolean;
  metadata: Record<string, string>;
}

let api: TestApi;
let app: FixtureApplication;
let box: FixtureMailbox;
let all: Known[];

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'one');
  const random = randomFrom(SEED);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const some = (chance: number) => (random() < chance ? [{ email: pick(PEOPLE) }] : []);
  const specs = Array.from({ length: MESSAGES }, (_, i) => ({
    id: `m${i}`,
    threadId: `t${Math.floor(random() * 110)}`,
    subject: pick(SUBJECTS),
    // Few seconds, so that the id often decides.
    date: START + Math.floor(random() * 120),
    unread: random() < 0.4,
    starred: random() < 0.2,
    draft: random() < 0.1,
    folder: pick(FOLDERS),
    from: [{ name: 'Somebody', email: pick(PEOPLE) }],
    to: [{ email: pick(PEOPLE) }, ...some(0.3)],
    cc: some(0.4),
    bcc: some(0.2),
    attachments:
      random() < 0.2 ? [{ filename: 'a.txt', contentType: 'text/plain', content: Buffer.from('a') }] : [],
    metadata: pick(PAIRS),
  }));
  box = await addMailbox(api.database.db, app.id, 'me@example.com', specs);
  all = specs.map(({ from, to, cc, bcc, attachments, folder, ...spec }) => ({
    ...spec,
    from: from.map((p) => p.email),
    to: to.map((p) => p.email),
    cc: cc.map((p) => p.email),
    bcc: bcc.map((p) => p.email),
    folders: [box.folders[folder]],
    hasAttachment: attachments.length > 0,
  }));
  // Some lie in two folders, and some have two copies in one of them.
  for (const known of all.filter((_, i) => i % 7 === 0)) {
    const other = i2(known, random);
    if (!known.folders.includes(other)) known.folders.push(other);
    await api.database.db.tenant(app.id, async (sql) => {
      await sql.run(
        `INSERT INTO message_locations (application_id, grant_id, folder_id, uid_validity, uid, message_id, seen, flagged, answered, draft, date)
         SELECT $1, $2, $3, 2, 1000 + max(uid), $4, $5, $6, false, $7, $8 FROM message_locations WHERE grant_id = $2`,
        [app.id, box.grantId, other, known.id, !known.unread, known.starred, known.draft, known.date],
      );
      await sql.run('UPDATE messages SET folder_ids = $3 WHERE grant_id = $1 AND id = $2', [
        box.grantId,
        known.id,
        known.folders,
      ]);
    });
  }

  function i2(known: Known, next: () => number): string {
    return next() < 0.3 ? known.folders[0]! : box.folders[FOLDERS[Math.floor(next() * 4)]!];
  }
}, 120_000);
afterAll(() => api?.close());

const lower = (list: string[]) =>
  list.map((email) => email.toLowerCase().replace('bücher', 'xn--bcher-kva').replace('"o\'neil"', "o'neil"));
const meets = (has: string[], wanted: string[] | undefined) =>
  wanted === undefined || lower(has).some((email) => lower(wanted).includes(email));

interface Filters {
  subject?: string;
  from?: string[];
  to?: string[];
  cc?: string[];
  bcc?: string[];
  anyEmail?: string[];
  in?: string[];
  unread?: boolean;
  starred?: boolean;
  hasAttachment?: boolean;
}

function people(message: Known, f: Filters): boolean {
  const everyone = [...message.from, ...message.to, ...message.cc, ...message.bcc];
  return (
    meets(message.from, f.from) &&
    meets(message.to, f.to) &&
    meets(message.cc, f.cc) &&
    meets(message.bcc, f.bcc) &&
    meets(everyone, f.anyEmail)
  );
}

const holds = (text: string, part: string | undefined) =>
  part === undefined || text.toLowerCase().includes(part.toLowerCase());
const is = (value: boolean, wanted: boolean | undefined) => wanted === undefined || value === wanted;
const newestFirst = (a: { date: number; id: string }, b: { date: number; id: string }) =>
  b.date - a.date || (a.id < b.id ? 1 : -1);

const emails = fc.uniqueArray(fc.constantFrom(...PEOPLE, 'nobody@x.example'), { minLength: 1, maxLength: 3 });
const subject = fc.constantFrom(
  'rechnung',
  'NR. 7',
  '%',
  '_o',
  'été',
  'été à',
  '会議',
  'の',
  "it's \\",
  ' ',
  'e',
  'nothing',
);
const flag = fc.boolean();
const shared = {
  subject,
  from: emails,
  to: emails,
  cc: emails,
  bcc: emails,
  anyEmail: emails,
  in: fc.uniqueArray(fc.constantFrom(...FOLDERS), { minLength: 1, maxLength: 3 }),
  unread: flag,
  starred: flag,
  hasAttachment: flag,
};
const moment = fc.integer({ min: START - 5, max: START + 125 });

/** Each filter alone, some times over, and then up to four together. */
function asked<T extends Record<string, fc.Arbitrary<unknown>>>(filters: T) {
  type Asked = { [K in keyof T]?: T[K] extends fc.Arbitrary<infer V> ? V : never };
  const names = Object.keys(filters);
  const chosen = fc.oneof(
    fc.constantFrom(...names).map((name) => [name]),
    fc.uniqueArray(fc.constantFrom(...names), { minLength: 2, maxLength: 4 }),
  );
  return chosen.chain((list) =>
    fc.record(Object.fromEntries(list.map((name) => [name, filters[name]!]))),
  ) as fc.Arbitrary<Asked>;
}

const RUNS = { seed: SEED, numRuns: 150 };

describe('messages', () => {
  const filters = {
    ...shared,
    receivedAfter: moment,
    receivedBefore: moment,
    threadId: fc.integer({ min: 0, max: 112 }).map((n) => `t${n}`),
    metadataPair: fc.constantFrom({ key1: 'a' }, { key2: 'x' }, { key1: 'a', key2: 'x,y' }, { key3: 'a' }),
  };

  it('are those that the same filters choose in JavaScript, page by page', async () => {
    await fc.assert(
      fc.asyncProperty(asked(filters), fc.constantFrom(7, 50, 200), async (f, limit) => {
        const folders = f.in?.map((name) => box.folders[name]);
        const expected = all
          .filter(
            (m) =>
              holds(m.subject, f.subject) &&
              people(m, f as Filters) &&
              (!folders || m.folders.some((id) => folders.includes(id))) &&
              is(m.unread, f.unread) &&
              is(m.starred, f.starred) &&
              is(m.hasAttachment, f.hasAttachment) &&
              (f.receivedAfter === undefined || m.date > f.receivedAfter) &&
              (f.receivedBefore === undefined || m.date < f.receivedBefore) &&
              (f.threadId === undefined || m.threadId === f.threadId) &&
              Object.entries(f.metadataPair ?? {}).every(([key, value]) => m.metadata[key] === value),
          )
          .sort(newestFirst)
          .map((m) => m.id);
        const seen: string[] = [];
        const list = api.sdk(app.key).messages.list({
          identifier: box.grantId,
          queryParams: { ...f, in: folders, limit } as never,
        });
        for await (const page of list) seen.push(...page.data.map((m) => m.id));
        expect(seen).toEqual(expected);
      }),
      RUNS,
    );
  }, 300_000);

  it('come with tracking options where they are asked for', async () => {
    const find = (fields?: string) =>
      api.sdk(app.key).messages.find({
        identifier: box.grantId,
        messageId: 'm1',
        queryParams: fields ? ({ fields } as never) : undefined,
      });
    expect((await find('include_tracking_options')).data).toMatchObject({
      trackingOptions: { opens: false, threadReplies: false, links: false, label: '' },
    });
    expect((await find()).data).not.toHaveProperty('trackingOptions');
  });

  it('cannot be asked for by other metadata, nor together with a search of the provider', async () => {
    const refused = async (query: string) => {
      const response = await api.call(`/v3/grants/${box.grantId}/messages?${query}`, app.key);
      expect([query, response.status]).toEqual([query, 400]);
      return ((await response.json()) as { error: { message: string } }).error.message;
    };
    for (const query of ['key6:a', 'colour:red', 'key1', ':', '', 'key1:a,key6:b', 'metadata_key1:a']) {
      expect(await refused(`metadata_pair=${query}`)).toMatch(/^metadata_pair: /);
    }
    expect(await refused('metadata_pair=key1:a&search_query_native=x')).toMatch(
      /^metadata_pair: .*search_query_native/,
    );
    expect(await refused('metadata_pair=key1:a&query_imap=true&in=x')).toMatch(
      /^metadata_pair: .*query_imap/,
    );
  });
});

describe('threads', () => {
  const filters = {
    ...shared,
    latestMessageAfter: moment,
    latestMessageBefore: moment,
    earliestMessageDate: moment,
  };

  it('are those that the same filters choose in JavaScript, page by page', async () => {
    const threads = [...Map.groupBy(all, (m) => m.threadId)].map(([id, messages]) => {
      const dates = messages.map((m) => m.date);
      return { id, messages, date: Math.max(...dates), first: Math.min(...dates) };
    });
    // The fixture names a thread after the message that came in first.
    const subjectOf = new Map(all.toReversed().map((m) => [m.threadId, m.subject]));
    await fc.assert(
      fc.asyncProperty(asked(filters), fc.constantFrom(7, 50, 200), async (f, limit) => {
        const folders = f.in?.map((name) => box.folders[name]);
        const expected = threads
          .filter(
            (t) =>
              holds(subjectOf.get(t.id)!, f.subject) &&
              t.messages.some((m) => people(m, f as Filters)) &&
              (!folders || t.messages.some((m) => m.folders.some((id) => folders.includes(id)))) &&
              is(
                t.messages.some((m) => m.unread),
                f.unread,
              ) &&
              is(
                t.messages.some((m) => m.starred),
                f.starred,
              ) &&
              is(
                t.messages.some((m) => m.hasAttachment),
                f.hasAttachment,
              ) &&
              (f.latestMessageAfter === undefined || t.date > f.latestMessageAfter) &&
              (f.latestMessageBefore === undefined || t.date < f.latestMessageBefore) &&
              (f.earliestMessageDate === undefined || t.first >= f.earliestMessageDate),
          )
          .sort(newestFirst)
          .map((t) => t.id);
        const seen: string[] = [];
        const list = api.sdk(app.key).threads.list({
          identifier: box.grantId,
          queryParams: { ...f, in: folders, limit, select: 'id' } as never,
        });
        for await (const page of list) seen.push(...page.data.map((t) => t.id));
        expect(seen).toEqual(expected);
      }),
      RUNS,
    );
  }, 300_000);

  it('show their latest draft as a draft, and take 20 to a page unless told', async () => {
    const { data } = await api.sdk(app.key).threads.list({ identifier: box.grantId });
    expect(data.length).toBe(20);
    const everyone = await api
      .sdk(app.key)
      .threads.list({ identifier: box.grantId, queryParams: { limit: 200 } });
    for (const thread of everyone.data) {
      const latest = all.filter((m) => m.threadId === thread.id).sort(newestFirst)[0]!;
      expect(thread.latestDraftOrMessage).toMatchObject({
        id: latest.id,
        object: latest.draft ? 'draft' : 'message',
      });
    }
  });
});
