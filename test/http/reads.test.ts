import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Folder } from '../../src/model/folder.ts';
import { Message } from '../../src/model/message.ts';
import { Thread } from '../../src/model/thread.ts';
import { startApi, type TestApi } from '../support/api.ts';
import {
  addApplication,
  addMailbox,
  addMessage,
  type FixtureApplication,
  type FixtureMailbox,
} from '../support/fixture.ts';

let api: TestApi;
let app: FixtureApplication;
let box: FixtureMailbox;
const START = 1_700_000_000;

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'one');
  const specs = Array.from({ length: 23 }, (_, i) => ({
    subject: `Mail ${i}`,
    // Some share a second, so that the id decides.
    date: START + Math.floor(i / 3),
    unread: i % 2 === 0,
    starred: i === 7,
    threadId: `thread-${i % 5}`,
  }));
  box = await addMailbox(api.database.db, app.id, 'me@example.com', specs, api.blobs);
});

afterAll(() => api?.close());

/** The order that the API promises. */
function newestFirst(): string[] {
  return [...box.messages]
    .sort((a, b) => b.date - a.date || (a.id < b.id ? 1 : -1))
    .map((message) => message.id);
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
async function get(rest: string): Promise<{ status: number; json: any }> {
  const response = await api.call(`/v3/grants/${box.grantId}/${rest}`, app.key);
  return { status: response.status, json: await response.json() };
}

const ids = (rows: { id: string }[]) => rows.map((row) => row.id);

describe('messages', () => {
  it('are paged to the end by the SDK, each once and in order', async () => {
    const seen: string[] = [];
    const list = api.sdk(app.key).messages.list({ identifier: box.grantId, queryParams: { limit: 4 } });
    for await (const page of list) {
      expect(page.data.length).toBeLessThanOrEqual(4);
      seen.push(...ids(page.data));
    }
    expect(seen).toEqual(newestFirst());
  });

  it('are paged by hand without a gap while new mail arrives', async () => {
    const seen: string[] = [];
    let token = '';
    const before = newestFirst();
    do {
      const { json } = await get(`messages?limit=4${token && `&page_token=${token}`}`);
      seen.push(...ids(json.data));
      token = json.next_cursor ?? '';
      if (seen.length === 8) {
        box.messages.push(
          await addMessage(api.database.db, box, { date: START + 1000, threadId: 'thread-0' }),
        );
      }
    } while (token);
    expect(seen).toEqual(before);
  });

  it('have no cursor behind the last one, also when the page is exactly full', async () => {
    const { json } = await get(`messages?limit=${box.messages.length}`);
    expect(json.data.length).toBe(box.messages.length);
    expect(json).not.toHaveProperty('next_cursor');
  });

  it('have the fields of the contract, and no others', async () => {
    const { json } = await get(`messages/${box.messages[3]!.id}`);
    expect(Compile(Message).Errors(json.data)).toEqual([]);
    expect(json.data).toMatchObject({
      id: box.messages[3]!.id,
      object: 'message',
      grant_id: box.grantId,
      thread_id: 'thread-3',
      subject: 'Mail 3',
      body: '<p>Mail 3</p>',
      from: [{ name: 'Ada', email: 'ada@example.org' }],
      bcc: [],
      folders: [box.folders.inbox],
      date: START + 1,
      unread: false,
    });
    expect(Object.keys(json.data).every((name) => name in Message.properties)).toBe(true);
  });

  it('have bodies of every size, and pages that end early when they grow too large', async () => {
    const sizes = [0, 10_000, 300_000, 9_000_000, 9_000_000, 9_000_000];
    for (const [index, size] of sizes.entries()) {
      const body = 'x'.repeat(size);
      await addMessage(api.database.db, box, {
        id: `size-${index}`,
        threadId: 'sizes',
        date: START - 99_999,
        body,
      });
    }
    const seen: number[] = [];
    const pages: number[] = [];
    let token = '';
    do {
      const { json } = await get(`messages?thread_id=sizes&page_token=${token}`);
      pages.push(json.data.length);
      seen.push(...json.data.map((m: { body: string }) => m.body.length));
      token = json.next_cursor ?? '';
    } while (token);
    expect(seen).toEqual([...sizes].reverse());
    expect(pages).toEqual([2, 4]);
    await api.database.db.tenant(app.id, async (sql) => {
      await sql.run(`DELETE FROM message_locations WHERE grant_id = $1 AND message_id LIKE 'size-%'`, [
        box.grantId,
      ]);
      await sql.run(`DELETE FROM messages WHERE grant_id = $1 AND thread_id = 'sizes'`, [box.grantId]);
      await sql.run(`DELETE FROM threads WHERE grant_id = $1 AND id = 'sizes'`, [box.grantId]);
    });
  });

  it('come with the headers that are asked for', async () => {
    const id = box.messages[0]!.id;
    const all = (await get(`messages/${id}?fields=include_headers`)).json.data.headers;
    expect(all.map((h: { name: string }) => h.name)).toEqual([
      'Received',
      'Received',
      'Message-ID',
      'Subject',
    ]);
    const basic = (await get(`messages?limit=1&fields=include_basic_headers`)).json.data[0].headers;
    expect(basic.map((h: { name: string }) => h.name)).toEqual(['Message-ID']);
    expect((await get(`messages/${id}`)).json.data).not.toHaveProperty('headers');
  });

  it('come as they were sent with raw_mime, one and many', async () => {
    const message = box.messages[5]!;
    const single = (await get(`messages/${message.id}?fields=raw_mime`)).json;
    expect(single.data).toEqual({
      id: message.id,
      object: 'message',
      grant_id: box.grantId,
      raw_mime: message.raw.toString('base64url'),
    });
    expect(single.request_id).toBeTruthy();
    const known = new Map(box.messages.map((m) => [m.id, m.raw.toString('base64url')]));
    const many = (await get(`messages?fields=raw_mime&limit=6&received_before=${START + 100}`)).json;
    expect(many.data.length).toBe(6);
    for (const item of many.data) expect(item.raw_mime).toBe(known.get(item.id));
    expect(many.next_cursor).toBeTruthy();
    const names = (await get(`messages/${message.id}?fields=raw_mime&select=id`)).json;
    expect(names.data).toEqual({ id: message.id });
  });

  it('are narrowed by each filter', async () => {
    const email = 'grace@navy.example';
    const special = await addMessage(api.database.db, box, {
      subject: 'Quarterly 100% REPORT_1',
      date: START - 500,
      folder: 'projects',
      from: [{ name: 'Grace', email: 'Grace@Navy.example' }],
      to: [{ email: 'a@x.example' }],
      cc: [{ email: 'c@x.example' }],
      attachments: [{ filename: 'a.txt', contentType: 'text/plain', content: Buffer.from('a') }],
      threadId: 'lonely',
    });
    box.messages.push(special);
    const only = [
      `in=${box.folders.projects}`,
      'thread_id=lonely',
      'has_attachment=true',
      'subject=quarterly',
      `subject=${encodeURIComponent('100% report_')}`,
      `from=${email}`,
      'to=a@x.example&to=nobody@x.example',
      'cc=C@X.EXAMPLE',
      'any_email=nobody@x.example,c@x.example',
      `received_before=${START - 400}`,
      `in=${box.folders.projects}&in=${box.folders.drafts}&unread=false&from=${email}`,
      `in=${box.folders.projects}&thread_id=lonely`,
    ];
    for (const query of only) {
      expect([query, ids((await get(`messages?${query}`)).json.data)]).toEqual([query, [special.id]]);
    }
    const none = [
      'bcc=c@x.example',
      'subject=100_',
      `received_after=${START + 5000}`,
      `in=${box.folders.sent}`,
    ];
    for (const query of none)
      expect([query, (await get(`messages?${query}`)).json.data]).toEqual([query, []]);
    expect((await get('messages?starred=true')).json.data.length).toBe(1);
    expect((await get('messages?unread=true&limit=200')).json.data.length).toBe(12);
    expect((await get('messages?in=inbox')).json.error.message).toContain('in:');
  });

  it('show only the selected fields', async () => {
    const { json } = await get('messages?limit=2&select=id,subject,nonsense');
    expect(json.data.map((m: object) => Object.keys(m))).toEqual([
      ['id', 'subject'],
      ['id', 'subject'],
    ]);
    expect(Object.keys((await get(`messages/${box.messages[0]!.id}?select=date`)).json.data)).toEqual([
      'date',
    ]);
  });

  it('are found under ids with every character that a path cares about', async () => {
    const strange = [
      'a/b',
      'a%2Fb',
      'a b',
      'x#y?z',
      '<id=1@host.example>',
      'a:b;c+d&e',
      'ü€😀',
      '..',
      '%',
      '%25',
      "a'b\\c",
    ];
    for (const id of strange) {
      await addMessage(api.database.db, box, { id, date: START - 9000, threadId: 'strange' });
      const { status, json } = await get(`messages/${encodeURIComponent(id).replaceAll('.', '%2E')}`);
      // The URL parser of fetch itself takes %2E%2E as "..", so this one cannot be asked for.
      if (id !== '..') expect([id, status, json.data?.id]).toEqual([id, 200, id]);
      if (/^[a-z/:; <>=@#?&+]+$/i.test(id)) {
        const found = await api.sdk(app.key).messages.find({ identifier: box.grantId, messageId: id });
        expect(found.data.id).toBe(id);
      }
    }
  });
});

describe('threads', () => {
  it('gather their messages, drafts, folders and people', async () => {
    await addMessage(api.database.db, box, {
      id: 'reply-draft',
      threadId: 'thread-1',
      date: START + 500,
      folder: 'drafts',
      draft: true,
      from: [{ email: 'me@example.com' }],
      to: [{ email: 'ADA@example.org' }],
      subject: 'Re: Mail 1',
    });
    const { json } = await get('threads/thread-1');
    expect(Compile(Thread).Errors(json.data)).toEqual([]);
    const inside = box.messages.filter((m) => m.threadId === 'thread-1').sort((a, b) => a.date - b.date);
    expect(json.data.message_ids.length).toBe(inside.length);
    expect(json.data.draft_ids).toEqual(['reply-draft']);
    expect(json.data.has_drafts).toBe(true);
    expect(json.data.folders.sort()).toEqual([box.folders.inbox, box.folders.drafts].sort());
    expect(json.data.participants).toEqual([
      { name: 'Ada', email: 'ada@example.org' },
      { email: 'me@example.com' },
    ]);
    expect(json.data.latest_draft_or_message).toMatchObject({ id: 'reply-draft', body: '<p>Re: Mail 1</p>' });
  });

  it('come newest first through the SDK, page by page', async () => {
    const list = await api
      .sdk(app.key)
      .threads.list({ identifier: box.grantId, queryParams: { limit: 200 } });
    const dates = list.data.map((t) => t.latestDraftOrMessage.date);
    expect(dates).toEqual([...dates].sort((a, b) => Number(b) - Number(a)));
    const paged: string[] = [];
    let token = '';
    do {
      const { json } = await get(`threads?limit=2&page_token=${token}`);
      paged.push(...ids(json.data));
      token = json.next_cursor ?? '';
    } while (token);
    expect(paged).toEqual(ids(list.data));
  });

  it('are narrowed', async () => {
    expect(ids((await get(`threads?in=${box.folders.projects}`)).json.data)).toEqual(['lonely']);
    expect(ids((await get('threads?any_email=c@x.example')).json.data)).toEqual(['lonely']);
    expect(ids((await get('threads?subject=QUARTERLY&has_attachment=true')).json.data)).toEqual(['lonely']);
    expect(ids((await get('threads?starred=true')).json.data)).toEqual(['thread-2']);
  });

  it('cost the same number of statements for one and for many', async () => {
    const before = statements();
    await get('threads?limit=1');
    const one = statements() - before;
    await get('threads?limit=50');
    expect(statements() - before - one).toBe(one);
  });

  /** Statements that the clients of the pool have sent, counted at their door. */
  let sent = 0;
  function statements(): number {
    if (!counting) {
      counting = true;
      api.database.db.pool.on('acquire', (client) => {
        const counted = client as typeof client & { counted?: boolean };
        if (counted.counted) return;
        counted.counted = true;
        const query = client.query.bind(client) as (...args: unknown[]) => unknown;
        Object.assign(client, {
          query: (...args: unknown[]) => {
            sent++;
            return query(...args);
          },
        });
      });
    }
    return sent;
  }
  let counting = false;
});

describe('folders', () => {
  it('are listed, paged and read', async () => {
    const all = (await get('folders')).json.data;
    for (const folder of all) expect(Compile(Folder).Errors(folder)).toEqual([]);
    expect(all.map((f: { name: string }) => f.name)).toEqual(['drafts', 'inbox', 'projects', 'sent']);
    const inbox = (await get(`folders/${box.folders.inbox}`)).json.data;
    expect(inbox).toMatchObject({ object: 'folder', attributes: ['\\Inbox'], system_folder: true });
    const first = (await get('folders?limit=3')).json;
    const rest = (await get(`folders?limit=3&page_token=${first.next_cursor}`)).json;
    expect(ids([...first.data, ...rest.data])).toEqual(ids(all));
    expect(rest).not.toHaveProperty('next_cursor');
    const viaSdk = await api
      .sdk(app.key)
      .folders.find({ identifier: box.grantId, folderId: box.folders.sent });
    expect(viaSdk.data.name).toBe('sent');
  });
});

describe('the application', () => {
  it('is what the key belongs to', async () => {
    const details = await api.sdk(app.key).applications.getDetails();
    expect(details.data.applicationId).toBe(app.id);
  });
});
