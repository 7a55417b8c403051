/** Our own full text, `q`: what is found, in which order, by whom, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSearch } from '../../src/http/content/search.ts';
import { listMessageRows } from '../../src/store/reads/message-list.ts';
import { messageNarrowing } from '../../src/store/reads/newest-matches.ts';
import { newestRanked, rankedBetween } from '../../src/store/reads/ranked-matches.ts';
import { listThreadRows } from '../../src/store/reads/thread-list.ts';
import { startApi, type TestApi } from '../support/api.ts';
import {
  addApplication,
  addMailbox,
  addMessage,
  type FixtureApplication,
  type FixtureMailbox,
  type MessageSpec,
} from '../support/fixture.ts';

let api: TestApi;
let app: FixtureApplication;
let box: FixtureMailbox;
let other: FixtureApplication;
let otherBox: FixtureMailbox;

const pdf = (filename: string) => ({ filename, contentType: 'application/pdf', content: Buffer.from('x') });

const MAILS: MessageSpec[] = [
  {
    id: 'body',
    subject: 'Hello',
    body: '<p>the budget for Berlin</p>',
    date: 1_700_000_900,
    threadId: 'talk',
  },
  { id: 'file', subject: 'Numbers', body: '', attachments: [pdf('budget-2024.pdf')], date: 1_700_000_500 },
  { id: 'subject', subject: 'Budget: first draft', body: '', date: 1_700_000_100, threadId: 'talk' },
  {
    id: 'person',
    from: [{ name: 'Budget Office', email: 'office@x.example' }],
    subject: 'Hi',
    body: '',
    date: 1_700_000_300,
  },
  { id: 'newer-subject', subject: 'Re: budget', body: '', date: 1_700_000_200 },
  {
    id: 'hidden',
    subject: 'Sale',
    body: '<style>budget</style><script>budget</script><p>cheap<span style="display:none"> budget</span></p>',
  },
  { id: 'invoice', subject: 'INV-2024-1', body: '<p>Please pay</p>' },
  { id: 'invoice-2', subject: '2024 INV 1', body: '<p>Please do not pay</p>' },
  { id: 'french', subject: 'Été à la plage', body: '<p>Ça va, garçon&nbsp;?</p>' },
  { id: 'german', subject: 'Größe', body: '<p>Straße und ﬁnden</p>' },
  { id: 'polish', subject: 'Zażółć gęślą jaźń', body: '' },
  { id: 'cyrillic', subject: 'Счёт за ноябрь', body: '<p>Оплатите, пожалуйста</p>' },
  { id: 'greek', subject: 'Τιμολόγιο', body: '<p>ΟΔΟΣ Ερμού</p>' },
  { id: 'arabic', subject: 'فَاتُورَة الشهر', body: '<p>الدفع خلال أسبوع</p>' },
  { id: 'hebrew', subject: 'שָׁלוֹם', body: '' },
  { id: 'hindi', subject: 'बैठक कल है', body: '' },
  { id: 'thai', subject: 'ใบแจ้งหนี้', body: '<p>กรุณาชำระเงินภายในสัปดาห์นี้</p>' },
  { id: 'chinese', subject: '关于下周会议的通知', body: '<p>请查收附件中的发票。</p>' },
  { id: 'japanese', subject: '請求書のご案内', body: '<p>東京オフィスより2024年度のｶﾞｲﾄﾞをお送りします</p>' },
  { id: 'korean', subject: '회의록을 보냅니다', body: '<p>다음 주 화요일</p>' },
  { id: 'khmer', subject: 'វិក្កយបត្រ', body: '' },
];

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'one');
  other = await addApplication(api.database.db, 'other');
  box = await addMailbox(api.database.db, app.id, 'me@example.com', MAILS);
  otherBox = await addMailbox(api.database.db, other.id, 'you@example.com', [
    { id: 'body', subject: 'budget of somebody else', from: [{ email: 'ada@example.org' }] },
  ]);
});
afterAll(() => api?.close());

async function found(q: string, more = ''): Promise<string[]> {
  const response = await api.call(
    `/v3/grants/${box.grantId}/messages?q=${encodeURIComponent(q)}${more}`,
    app.key,
  );
  const json = (await response.json()) as { data: { id: string }[] };
  expect([q, response.status, json.data !== undefined]).toEqual([q, 200, true]);
  return json.data.map((message) => message.id);
}

describe('a search finds', () => {
  it.each<[q: string, ids: string[]]>([
    ['Berlin', ['body']],
    ['BUDGET berlin', ['body']],
    ['budget AND office', ['person']],
    ['berlin OR plage', ['body', 'french']],
    ['budget -berlin -draft -office -2024 -re', []],
    ['budget NOT (berlin OR draft OR office)', ['newer-subject', 'file']],
    ['"the budget"', ['body']],
    ['"budget the"', []],
    ['INV-2024-1', ['invoice']],
    ['inv 2024 1', ['invoice', 'invoice-2']],
    ['pay -not', ['invoice']],
    ['"first draft Budget"', []],
    // No phrase reaches from one field into the next.
    ['"draft ada"', []],
    ['office@x.example', ['person']],
    ['budget-2024.pdf', ['file']],
    ['ete', ['french']],
    ['ÉTÉ', ['french']],
    ['"ca va" garcon', ['french']],
    ['grosse strasse finden', ['german']],
    ['zazolc jazn', ['polish']],
    ['счет', ['cyrillic']],
    ['ОПЛАТИТЕ', ['cyrillic']],
    ['τιμολογιο', ['greek']],
    ['οδός', ['greek']],
    ['فاتورة', ['arabic']],
    ['اسبوع', ['arabic']],
    ['שלום', ['hebrew']],
    ['बैठक', ['hindi']],
    ['แจ้งหนี้', ['thai']],
    ['ชำระเงิน', ['thai']],
    ['สัปดาห์', ['thai']],
    ['会议', ['chinese']],
    ['发票', ['chinese']],
    ['会议的通知', ['chinese']],
    ['议会', []],
    ['票', ['chinese']],
    ['請求書', ['japanese']],
    ['東京', ['japanese']],
    ['2024年度', ['japanese']],
    ['2024年', ['japanese']],
    ['ガイド', ['japanese']],
    ['オフィス', ['japanese']],
    ['회의', ['korean']],
    ['회의록', ['korean']],
    ['화요일', ['korean']],
    ['យបត្រ', ['khmer']],
    ['stylesheet', []],
  ])('%s', async (q, ids) => {
    expect((await found(q)).sort()).toEqual(ids.sort());
  });

  it('the subject before people and files, these before the body, and newer before older', async () => {
    expect(await found('budget')).toEqual(['newer-subject', 'subject', 'file', 'person', 'body']);
    expect(await found('budget', '&limit=2')).toEqual(['newer-subject', 'subject']);
  });

  it('together with every other filter', async () => {
    expect(await found('budget', '&has_attachment=true')).toEqual(['file']);
    expect(await found('budget', '&subject=first')).toEqual(['subject']);
    expect(await found('budget', '&from=office@x.example')).toEqual(['person']);
    expect(await found('budget', '&received_after=1700000400')).toEqual(['file', 'body']);
    expect(await found('budget', '&received_before=1700000200')).toEqual(['subject']);
    expect(await found('budget', `&in=${box.folders.sent}`)).toEqual([]);
    expect(await found('budget', '&thread_id=talk&unread=false')).toEqual(['subject', 'body']);
  });

  it('threads by their best message, each once', async () => {
    const ids = async (query: string) => {
      const response = await api.call(`/v3/grants/${box.grantId}/threads?${query}`, app.key);
      return ((await response.json()) as { data: { id: string }[] }).data.map((thread) => thread.id);
    };
    expect(await ids('q=budget')).toEqual(['talk', 't-newer-subject', 't-file', 't-person']);
    expect(await ids('q=budget&has_attachment=true')).toEqual(['t-file']);
    expect(await ids('q=budget&from=office@x.example')).toEqual(['t-person']);
    expect(await ids('q=berlin&subject=hello')).toEqual(['talk']);
    const first = await api.call(`/v3/grants/${box.grantId}/threads?q=budget&limit=3`, app.key);
    const { next_cursor } = (await first.json()) as { next_cursor: string };
    expect(await ids(`q=budget&limit=3&page_token=${next_cursor}`)).toEqual(['t-person']);
  });
});

describe('a search is refused', () => {
  it.each([
    ['"open', 'q: at character 1: the quote is never closed'],
    ['a (b', 'q: at character 3: the parenthesis is never closed'],
    ['a OR', 'q: at character 3: OR needs something behind it'],
    ['', 'q: holds no word to search for'],
    ['x'.repeat(513), 'q: is longer than 512 bytes'],
  ])('%s', async (q, message) => {
    for (const resource of ['messages', 'threads']) {
      const response = await api.call(
        `/v3/grants/${box.grantId}/${resource}?q=${encodeURIComponent(q)}`,
        app.key,
      );
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { type: 'api.invalid_request_error', message } });
    }
  });

  it('with a cursor of another search', async () => {
    const first = await api.call(`/v3/grants/${box.grantId}/messages?q=budget&limit=1`, app.key);
    const { next_cursor } = (await first.json()) as { next_cursor: string };
    for (const q of ['q=budgets', 'q=budget&unread=false', '', 'subject=budget']) {
      const response = await api.call(
        `/v3/grants/${box.grantId}/messages?${q}&page_token=${next_cursor}`,
        app.key,
      );
      expect([q, response.status]).toEqual([q, 400]);
    }
  });
});

describe('a search of another application', () => {
  it('finds its own mail only', async () => {
    const response = await api.call(`/v3/grants/${otherBox.grantId}/messages?q=budget`, other.key);
    const { data } = (await response.json()) as { data: { subject: string }[] };
    expect(data.map((message) => message.subject)).toEqual(['budget of somebody else']);
  });

  it('finds nothing, even where somebody forgot to ask whose grant it is', async () => {
    // The scope of one application in the transaction of another.
    const scope = { applicationId: app.id, grantId: box.grantId };
    const search = readSearch('q', 'budget');
    const narrowing = messageNarrowing({});
    const ends = [
      { date: 2_000_000_000, id: 'z' },
      { date: 0, id: '' },
    ] as const;
    const asked = (applicationId: string) =>
      api.database.db.tenant(applicationId, async (sql) => [
        ...(await newestRanked(sql, scope, narrowing, search, null, 10)),
        ...(await rankedBetween(sql, scope, narrowing, search, ...ends)),
        ...(await listMessageRows(sql, scope, { from: ['ada@example.org'] }, null, 10)),
        ...(await listMessageRows(sql, scope, { subject: 'budget' }, null, 10)),
        ...(await listMessageRows(sql, scope, { folderIds: [box.folders.inbox] }, null, 10)),
        ...(await listThreadRows(sql, scope, { from: ['ada@example.org'] }, null, 10)),
        ...(await listThreadRows(sql, scope, { subject: 'budget' }, null, 10)),
      ]);
    expect((await asked(app.id)).length).toBeGreaterThan(20);
    expect(await asked(other.id)).toEqual([]);
    await api.database.db.tenant(other.id, async (sql) => {
      expect(
        await sql.rows(
          'SELECT 1 FROM message_search s JOIN messages m ON m.grant_id = s.grant_id AND m.id = s.message_id WHERE s.grant_id = $1',
          [box.grantId],
        ),
      ).toEqual([]);
      expect(await sql.run('DELETE FROM message_search WHERE grant_id = $1', [box.grantId])).toBe(0);
      expect(await sql.run('UPDATE message_search SET version = 0 WHERE grant_id = $1', [box.grantId])).toBe(
        0,
      );
    });
    const plant = `INSERT INTO message_search (application_id, grant_id, message_id, date, subject, document, version)
      VALUES ($1, $2, 'body', 1, '', '', 1)`;
    await expect(
      api.database.db.tenant(other.id, (sql) => sql.run(plant, [app.id, box.grantId])),
    ).rejects.toMatchObject({ code: '42501' });
  });
});

it('a phrase is found in a mail that is longer than the index can tell places of', async () => {
  const own = await addApplication(api.database.db, 'long');
  const many = (n: number, text: (i: number) => string) =>
    Array.from({ length: n }, (_, i) => text(i)).join(' ');
  const long = await addMailbox(api.database.db, own.id, 'long@example.com', [
    { id: 'often', subject: 'x', body: `<p>${many(400, (i) => `alpha beta w${i}`)} alpha beta gamma</p>` },
    { id: 'late', subject: 'x', body: `<p>${many(17_000, (i) => `v${i}`)} kappa lambda</p>` },
    { id: 'chinese', subject: 'x', body: `<p>${many(300, () => '国家经济发展')} 发展鸚鵡</p>` },
    { id: 'short', subject: 'x', body: '<p>gamma beta, lambda kappa</p>' },
  ]);
  const ids = async (q: string) => {
    const path = `/v3/grants/${long.grantId}/messages?q=${encodeURIComponent(q)}&select=id`;
    const { data } = (await (await api.call(path, own.key)).json()) as { data: { id: string }[] };
    return data.map((message) => message.id);
  };
  expect(await ids('"beta gamma"')).toEqual(['often']);
  expect(await ids('"kappa lambda"')).toEqual(['late']);
  expect(await ids('发展鸚鵡')).toEqual(['chinese']);
  // Only what is sure leaves a mail out.
  expect((await ids('gamma -"beta gamma"')).sort()).toEqual(['often', 'short']);
});

it('any mail can be indexed, however hostile its text', async () => {
  const unique = Array.from({ length: 200_000 }, (_, i) => i.toString(36)).join(' ');
  const crowd = Array.from({ length: 2_000 }, (_, i) => ({
    name: unique.slice(i, i + 500),
    email: `"${"'\\".repeat(100)}${i}"@x.example`,
  }));
  const hostile: MessageSpec[] = [
    { id: 'h1', subject: unique.slice(0, 8_000), to: crowd, cc: crowd, body: unique },
    {
      id: 'h2',
      subject: "'\\'':* & | ! <-> ()",
      body: "<p>it's '\\ :A 'x':1A,2 \\' </p>",
      from: [{ email: "o'x\\y:*@x.example" }],
    },
    { id: 'h3', subject: 'x'.repeat(8_000), body: 'same '.repeat(50_000) },
    {
      id: 'h4',
      subject: '会'.repeat(8_000),
      body: '议'.repeat(100_000),
      to: [{ email: `${'a'.repeat(3_000)}@x.example` }],
    },
  ];
  for (const spec of hostile) await addMessage(api.database.db, box, { threadId: 'hostile', ...spec });
  expect(await found('同 OR same', '&thread_id=hostile')).toEqual(['h3']);
  expect(await found('议议议', '&thread_id=hostile')).toEqual(['h4']);
  const { data } = await api.sdk(app.key).messages.list({
    identifier: box.grantId,
    queryParams: { from: ["o'x\\y:*@x.example"] as never },
  });
  expect(data.map((message) => message.id)).toEqual(['h2']);
  const long = await api.sdk(app.key).messages.list({
    identifier: box.grantId,
    queryParams: { to: [`${'a'.repeat(3_000)}@x.example`] as never },
  });
  expect(long.data.map((message) => message.id)).toEqual(['h4']);
  for (const subject of ["'\\'':*", '& | !', '<-> ()']) {
    const list = await api.sdk(app.key).messages.list({ identifier: box.grantId, queryParams: { subject } });
    expect([subject, list.data.map((message) => message.id)]).toEqual([subject, ['h2']]);
  }
}, 120_000);
