/** A mailbox that is large enough to show what a list reads, and that a search goes through it page by page. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageOfMessages } from '../../src/http/content/messages.ts';
import { readSearch } from '../../src/http/content/search.ts';
import { pageOfThreads } from '../../src/http/content/threads.ts';
import type { Sql } from '../../src/store/database.ts';
import type { MessageFilter } from '../../src/store/reads/message-filter.ts';
import type { ThreadFilter } from '../../src/store/reads/thread-list.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { addBulk, addBulkMailbox, type BulkMail } from '../support/bulk-mailbox.ts';
import { addApplication, type FixtureApplication, type FixtureMailbox } from '../support/fixture.ts';
import { breachesOf, type Kinds } from '../support/sql-rules.ts';

const COUNT = 20_000;
const START = 1_600_000_000;
/** Between two mails, in seconds: some 570 a week. */
const STEP = 1_060;

let api: TestApi;
let app: FixtureApplication;
let box: FixtureMailbox;
let mails: BulkMail[];

function makeMails(count: number): BulkMail[] {
  const random = randomFrom(5);
  const words = (n: number) =>
    Array.from({ length: n }, () => `w${Math.floor(random() ** 3 * 4_000)}`).join(' ');
  return Array.from({ length: count }, (_, i): BulkMail => {
    // Every eighth mail is about the fair; some say so in the subject.
    const fair = i % 8 === 3 ? (i % 40 === 3 ? 'subject' : 'text') : null;
    return {
      id: `m${i}`,
      threadId: `t${Math.floor(i / 3)}`,
      date: START + i * STEP,
      subject: `${words(4)}${fair === 'subject' ? ' Fair' : ''}${i % 4_000 === 77 ? ' Zebra 7781' : ''}`,
      from: i % 5_000 === 99 ? 'rare@x.example' : `p${Math.floor(random() * 300)}@x.example`,
      text: `${words(20)}${fair === 'text' ? ' fair' : ''}${i < 3_000 ? ' ancient' : ''}${i % 2_500 === 7 ? ' needle' : ''}`,
      folder: i % 400 === 1 ? 'projects' : i % 5 === 0 ? 'sent' : 'inbox',
      unread: i % 100 === 0,
      starred: i % 500 === 0,
      hasAttachment: i % 9 === 0,
    };
  });
}

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'one');
  mails = makeMails(COUNT);
  box = await addBulkMailbox(api.database.db, app.id, 'me@example.com', mails);
  // Somebody else's mailbox with the same words.
  const other = await addApplication(api.database.db, 'other');
  const foreign = makeMails(3_000).map((mail) => ({ ...mail, id: `o${mail.id}` }));
  await addBulkMailbox(api.database.db, other.id, 'you@example.com', foreign);
}, 240_000);
afterAll(() => api?.close());

const scope = () => ({ applicationId: app.id, grantId: box.grantId });
const newest = (chosen: BulkMail[]) => chosen.toSorted((a, b) => b.date - a.date);

interface Seen {
  text: string;
  /** Rows that scans have looked at. */
  rows: number;
  sequential: boolean;
}

interface PlanNode {
  'Node Type': string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

/** Runs work on statements that are explained before they run. */
async function watched<T>(work: (sql: Sql) => Promise<T>): Promise<{ result: T; seen: Seen[] }> {
  const seen: Seen[] = [];
  const result = await api.database.db.tenant(app.id, async (sql) => {
    // As on the embedded server: a PostgreSQL for spinning disks rather reads a table of this size whole.
    await sql.run('SET LOCAL random_page_cost = 1.1');
    const look = (text: string, [row]: { 'QUERY PLAN': [{ Plan: PlanNode }] }[]) => {
      const nodes = nodesOf(row!['QUERY PLAN'][0].Plan);
      const scans = nodes.filter((node) => node['Node Type'].includes('Scan'));
      const looked = (node: PlanNode) =>
        (node['Actual Rows'] +
          (node['Rows Removed by Filter'] ?? 0) +
          (node['Rows Removed by Index Recheck'] ?? 0)) *
        node['Actual Loops'];
      seen.push({
        text,
        rows: scans.reduce((sum, node) => sum + looked(node), 0),
        sequential: nodes.some((node) => node['Node Type'].includes('Seq Scan')),
      });
    };
    return work({
      ...sql,
      fresh: async (text, values) => {
        look(text, await sql.fresh(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values));
        return sql.fresh(text, values);
      },
      // The plan is the one for whatever values come.
      rows: async (text, values = []) => {
        const name = `watched_${seen.length}`;
        await sql.run(`PREPARE ${name} AS ${text}`);
        const given = values.length > 0 ? `(${values.map(literal).join(', ')})` : '';
        look(text, await sql.rows(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE ${name}${given}`));
        await sql.run(`DEALLOCATE ${name}`);
        return sql.rows(text, values);
      },
    });
  });
  return { result, seen };
}

/** A value as PostgreSQL reads it in the text of a statement. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  const text = Array.isArray(value)
    ? `{${value.map((item) => JSON.stringify(item)).join(',')}}`
    : String(value);
  return pg.escapeLiteral(text);
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Rows that one list may look at: a page of 50, its joins, and what is read in vain. */
const FEW = 700;
/** The same where the newest 4,000 messages are counted first. */
const COUNTED = 4_000 + 3_000;

describe('a list of messages reads little', () => {
  const cases: [
    name: string,
    filter: () => MessageFilter,
    chosen: (mail: BulkMail, i: number) => boolean,
    most: number,
  ][] = [
    ['without a filter', () => ({}), () => true, FEW],
    ['of unread mail', () => ({ unread: true }), (m) => m.unread, FEW],
    ['of starred mail', () => ({ starred: true }), (m) => m.starred, FEW],
    ['of mail with attachments', () => ({ hasAttachment: true }), (m) => m.hasAttachment, FEW],
    ['of a large folder', () => ({ folderIds: [box.folders.inbox] }), (m) => m.folder === 'inbox', FEW],
    ['of a small folder', () => ({ folderIds: [box.folders.projects] }), (m) => m.folder === 'projects', FEW],
    [
      'of two folders',
      () => ({ folderIds: [box.folders.projects, box.folders.sent] }),
      (m) => m.folder !== 'inbox',
      FEW,
    ],
    [
      'of unread mail in a folder',
      () => ({ folderIds: [box.folders.inbox], unread: true }),
      (m) => m.folder === 'inbox' && m.unread,
      FEW,
    ],
    [
      'of starred mail in a folder',
      () => ({ folderIds: [box.folders.sent], starred: true }),
      (m) => m.folder === 'sent' && m.starred,
      FEW,
    ],
    ['of a thread', () => ({ threadId: 't17' }), (m) => m.threadId === 't17', FEW],
    [
      'of a time long ago',
      () => ({ receivedBefore: START + 900 * STEP, receivedAfter: START + 800 * STEP }),
      (m) => m.date < START + 900 * STEP && m.date > START + 800 * STEP,
      FEW,
    ],
    [
      'of somebody who writes seldom',
      () => ({ from: ['rare@x.example'] }),
      (m) => m.from === 'rare@x.example',
      COUNTED,
    ],
    [
      'of somebody who writes often',
      () => ({ anyEmail: ['p7@x.example'] }),
      (m) => m.from === 'p7@x.example',
      COUNTED,
    ],
    ['of nobody', () => ({ cc: ['p7@x.example'] }), () => false, COUNTED],
    [
      'by a rare part of a subject',
      () => ({ subject: 'EBRA 77' }),
      (m) => m.subject.includes('Zebra 77'),
      COUNTED,
    ],
    [
      'by a common part of a subject',
      () => ({ subject: 'fair' }),
      (m) => m.subject.endsWith('Fair'),
      COUNTED,
    ],
    [
      'of unread mail of somebody',
      () => ({ from: ['p7@x.example'], unread: true }),
      (m) => m.from === 'p7@x.example' && m.unread,
      COUNTED,
    ],
    [
      'of somebody long ago',
      () => ({ from: ['p7@x.example'], receivedBefore: START + 3_000 * STEP }),
      (m, i) => m.from === 'p7@x.example' && i < 3_000,
      COUNTED,
    ],
    ['with a pair of metadata', () => ({ metadata: [{ key: 'key1', value: 'x' }] }), () => false, FEW],
  ];
  it.each(cases)('%s', async (_name, filter, chosen, most) => {
    const { result, seen } = await watched((sql) => pageOfMessages(sql, scope(), filter(), null, null, 50));
    expect(result.rows.map((row) => row.id)).toEqual(
      newest(mails.filter(chosen))
        .slice(0, 50)
        .map((mail) => mail.id),
    );
    for (const { text, rows, sequential } of seen) {
      expect([text, sequential]).toEqual([text, false]);
      expect([text, rows > most ? rows : 'few']).toEqual([text, 'few']);
    }
  });
});

describe('a list of threads reads little', () => {
  const cases: [
    name: string,
    filter: () => ThreadFilter,
    chosen: (mails: BulkMail[]) => boolean,
    most: number,
  ][] = [
    ['without a filter', () => ({}), () => true, FEW],
    ['of unread ones', () => ({ unread: true }), (list) => list.some((m) => m.unread), FEW],
    ['of starred ones', () => ({ starred: true }), (list) => list.some((m) => m.starred), FEW],
    [
      'of a large folder',
      () => ({ folderIds: [box.folders.inbox] }),
      (list) => list.some((m) => m.folder === 'inbox'),
      FEW,
    ],
    [
      'of a folder in which there is little',
      () => ({ folderIds: [box.folders.projects] }),
      (list) => list.some((m) => m.folder === 'projects'),
      6_000,
    ],
    [
      'of unread ones in a folder in which there is little',
      () => ({ folderIds: [box.folders.projects], unread: true }),
      (list) => list.some((m) => m.folder === 'projects') && list.some((m) => m.unread),
      6_000,
    ],
    [
      'of somebody',
      () => ({ from: ['p7@x.example'] }),
      (list) => list.some((m) => m.from === 'p7@x.example'),
      6_000,
    ],
    [
      'of somebody who writes seldom',
      () => ({ from: ['rare@x.example'] }),
      (list) => list.some((m) => m.from === 'rare@x.example'),
      6_000,
    ],
    [
      'by a part of a subject',
      () => ({ subject: 'EBRA 77' }),
      (list) => list[0]!.subject.includes('Zebra'),
      6_000,
    ],
  ];
  it.each(cases)('%s', async (_name, filter, chosen, most) => {
    const { result, seen } = await watched((sql) => pageOfThreads(sql, scope(), filter(), null, null, 20));
    const threads = [...Map.groupBy(mails, (mail) => mail.threadId).values()];
    expect(result.rows.map((row) => row.id)).toEqual(
      threads
        .filter(chosen)
        .toSorted((a, b) => b.at(-1)!.date - a.at(-1)!.date)
        .slice(0, 20)
        .map((list) => list[0]!.threadId),
    );
    for (const { text, rows, sequential } of seen) {
      expect([text, sequential]).toEqual([text, false]);
      expect([text, rows > most ? rows : 'few']).toEqual([text, 'few']);
    }
  });
});

describe('a search', () => {
  it('reads its matches by the index, and a bounded number of them', async () => {
    for (const q of [
      'needle',
      'fair',
      'zebra 7781',
      '-fair',
      'ancient',
      'w1 OR w2',
      '"fair nowhere"',
      'fair needle',
    ]) {
      const { seen } = await watched((sql) => pageOfMessages(sql, scope(), {}, readSearch('q', q), null, 50));
      for (const { text, rows, sequential } of seen) {
        expect([q, text, sequential]).toEqual([q, text, false]);
        expect([q, text, rows > 12_000 ? rows : 'few']).toEqual([q, text, 'few']);
      }
    }
  });

  it('keeps the sharding rules in every statement that it makes', async () => {
    const kinds: Kinds = new Map(
      ['messages', 'message_search', 'message_locations', 'threads'].map((table) => [table, 'scoped']),
    );
    const filter = {
      folderIds: [box.folders.inbox],
      unread: true,
      from: ['p7@x.example'],
      subject: 'fair',
      threadId: 't1',
    };
    const { seen } = await watched(async (sql) => {
      const search = readSearch('q', 'fair');
      await pageOfMessages(sql, scope(), filter, search, null, 50);
      await pageOfMessages(sql, scope(), filter, null, null, 50);
      await pageOfMessages(sql, scope(), { folderIds: [box.folders.inbox], unread: true }, null, null, 50);
      await pageOfMessages(sql, scope(), { from: ['p7@x.example'], starred: true }, search, null, 50);
      const { threadId: _none, ...threads } = filter;
      await pageOfThreads(sql, scope(), threads, null, null, 20);
      const first = await pageOfThreads(sql, scope(), {}, search, null, 1_000);
      await pageOfThreads(sql, scope(), threads, search, first.behind(1_000) ?? null, 20);
    });
    expect(seen.length).toBeGreaterThan(12);
    for (const { text } of seen) expect([text, breachesOf(text, kinds)]).toEqual([text, []]);
  });

  it('gives the best of the newest thousand first, then the best of the next thousand', async () => {
    const found = newest(mails.filter((mail) => /\bfair\b/i.test(`${mail.subject} ${mail.text}`)));
    expect(found.length).toBe(2_500);
    const expected = [0, 1_000, 2_000].flatMap((at) => {
      const block = found.slice(at, at + 1_000);
      const best = (mail: BulkMail) => mail.subject.endsWith('Fair');
      return [...block.filter(best), ...block.filter((mail) => !best(mail))].map((mail) => mail.id);
    });
    expect(
      await pages('messages', 'q=fair&limit=200', (count) => (count === 600 ? arrive() : undefined)),
    ).toEqual(expected);
  }, 120_000);

  it('gives each thread once, at its newest match, while mail arrives', async () => {
    const found = newest(mails.filter((mail) => /\bw1[0-9]?\b/.test(`${mail.subject} ${mail.text}`)));
    const threads = new Set(found.map((mail) => mail.threadId));
    expect(found.length).toBeGreaterThan(2_000);
    const query = Array.from({ length: 10 }, (_, i) => `w1${i}`).join(' OR ');
    const seen = await pages(
      'threads',
      `q=${encodeURIComponent(`w1 OR ${query}`)}&limit=190&select=id`,
      (count) => (count === 380 ? arrive() : undefined),
    );
    expect(new Set(seen).size).toBe(seen.length);
    // What came during the test before was there from the first page on.
    expect(new Set(seen.filter((id) => !id.startsWith('late0')))).toEqual(threads);
  }, 120_000);

  it('finds what is old only, and what a filter leaves of it', async () => {
    const ids = async (query: string) => {
      const response = await api.call(`/v3/grants/${box.grantId}/messages?${query}&select=id`, app.key);
      return ((await response.json()) as { data: { id: string }[] }).data.map((message) => message.id);
    };
    const ancient = newest(mails.filter((mail) => mail.text.includes('ancient')));
    expect(await ids('q=ancient&limit=50')).toEqual(ancient.slice(0, 50).map((m) => m.id));
    expect(await ids('q=ancient&unread=true&limit=200')).toEqual(
      ancient.filter((m) => m.unread).map((m) => m.id),
    );
    expect(await ids(`q=ancient&in=${box.folders.projects}&limit=200`)).toEqual(
      ancient.filter((m) => m.folder === 'projects').map((m) => m.id),
    );
    expect(await ids(`q=ancient&received_before=${START + 20 * STEP}`)).toEqual(
      ancient.filter((m) => m.date < START + 20 * STEP).map((m) => m.id),
    );
    expect(await ids(`q=-ancient&received_before=${START + 3_005 * STEP}&limit=50`)).toEqual([
      'm3004',
      'm3003',
      'm3002',
      'm3001',
      'm3000',
    ]);
    expect(await ids(`q=needle&received_after=${START + 16_000 * STEP}`)).toEqual(['m17507']);
  });

  let arrived = 0;

  /** New mail with the same words, newer than all and in between, in threads old and new. */
  async function arrive(): Promise<void> {
    const more = [COUNT + 5, 12_345.5, 15_000.5].map(
      (at, i): BulkMail => ({
        ...mails[0]!,
        id: `late${arrived}-${i}`,
        threadId: `late${arrived}-${i}`,
        date: Math.floor(START + at * STEP),
        text: i === 0 ? 'fair w1' : 'nothing',
      }),
    );
    arrived += 1;
    await addBulk(api.database.db, box, more, COUNT + arrived * 10);
  }

  async function pages(
    resource: string,
    query: string,
    between: (count: number) => Promise<void> | undefined,
  ): Promise<string[]> {
    const seen: string[] = [];
    let token = '';
    do {
      const response = await api.call(
        `/v3/grants/${box.grantId}/${resource}?${query}${token && `&page_token=${token}`}`,
        app.key,
      );
      const { data, next_cursor } = (await response.json()) as {
        data: { id: string }[];
        next_cursor?: string;
      };
      seen.push(...data.map((item) => item.id));
      await between(seen.length);
      token = next_cursor ?? '';
    } while (token);
    return seen;
  }
});
