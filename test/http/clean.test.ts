import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import {
  addApplication,
  addMailbox,
  type FixtureApplication,
  type FixtureMailbox,
} from '../support/fixture.ts';
import type { Nylas } from '../support/nylas.ts';

let api: TestApi;
let app: FixtureApplication;
let box: FixtureMailbox;
let sdk: Nylas;

const REPLY =
  '<div dir="ltr">Yes, <b>Tuesday</b> works: <a href="https://x.org/a">the plan</a>.<br><br>Best,<br>Ada</div><div class="gmail_quote"><div class="gmail_attr">On Mon, Jan 15, 2024 at 10:00 AM Bob &lt;bob@example.org&gt; wrote:<br></div><blockquote class="gmail_quote">Is Tuesday fine?</blockquote></div>';

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'one');
  sdk = api.sdk(app.key);
  const long = '<p>It goes <i>on</i> &amp; on.</p>'.repeat(50_000);
  box = await addMailbox(api.database.db, app.id, 'me@example.com', [
    { id: 'reply/1', subject: 'Tuesday', body: REPLY },
    { id: 'plain', body: 'Thanks!<br>\n&gt; Here it is.<br>\n' },
    { id: 'empty', body: '' },
    ...Array.from({ length: 3 }, (_, i) => ({ id: `long-${i}`, body: long })),
  ]);
});

afterAll(() => api?.close());

const call = (body: unknown, query = '') =>
  api.call(`/v3/grants/${box.grantId}/messages/clean${query}`, app.key, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

it('answers through the SDK what was written, in the order asked', async () => {
  const { data } = await sdk.messages.cleanMessages({
    identifier: box.grantId,
    requestBody: { messageId: ['plain', 'reply/1', 'empty', 'plain'] },
  });
  expect(data.map(({ id, conversation }) => [id, conversation])).toEqual([
    ['plain', 'Thanks!'],
    ['reply/1', 'Yes, Tuesday works: the plan.'],
    ['empty', ''],
    ['plain', 'Thanks!'],
  ]);
  expect(data[1]).toMatchObject({ object: 'message', subject: 'Tuesday', body: REPLY, grantId: box.grantId });
});

it('writes as the SDK asks', async () => {
  const clean = async (options: object) => {
    const requestBody = { messageId: ['reply/1'], ...options };
    return (await sdk.messages.cleanMessages({ identifier: box.grantId, requestBody })).data[0];
  };
  const markdown = {
    htmlAsMarkdown: true,
    imagesAsMarkdown: true,
    ignoreLinks: false,
    removeConclusionPhrases: false,
  };
  const written = 'Yes, **Tuesday** works: [the plan](https://x.org/a).\n\nBest,  \nAda';
  expect(await clean(markdown)).toMatchObject({ conversation: written, emailAsMarkdown: written });
  expect(await clean({ htmlAsMarkdown: true })).toMatchObject({
    conversation: 'Yes, **Tuesday** works: the plan.',
  });
  expect((await clean({}))?.conversation).toBe('Yes, Tuesday works: the plan.');
  expect(await clean({})).not.toHaveProperty('emailAsMarkdown');
});

it('gives the selected fields only', async () => {
  const response = await call({ message_id: ['plain'] }, '?select=id,conversation');
  expect(((await response.json()) as { data: object[] }).data).toEqual([
    { id: 'plain', conversation: 'Thanks!' },
  ]);
});

it('refuses what cannot be, and names the field', async () => {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);
  const refused: [object, number, string, string][] = [
    [{ message_id: ids(21) }, 400, 'api.invalid_request_error', 'message_id'],
    [{ message_id: [] }, 400, 'api.invalid_request_error', 'message_id'],
    [{}, 400, 'api.invalid_request_error', 'message_id'],
    [{ message_id: 'plain' }, 400, 'api.invalid_request_error', 'message_id'],
    [{ message_id: [7] }, 400, 'api.invalid_request_error', 'message_id[0]'],
    [{ message_id: ['plain'], ignore_links: 'no' }, 400, 'api.invalid_request_error', 'ignore_links'],
    [
      { message_id: ['plain'], html_as_markdown: true, images_as_markdown: false },
      400,
      'api.invalid_request_error',
      'images_as_markdown',
    ],
    [{ message_id: ['nothing'] }, 404, 'api.not_found_error', ''],
    [{ message_id: ['a', 'b'] }, 404, 'api.not_found_error', ''],
    [{ message_id: ['plain', 'nothing'] }, 404, 'api.partial_not_found_error', 'message_id[1]'],
  ];
  for (const [body, status, type, words] of refused) {
    const response = await call(body);
    const { error } = (await response.json()) as { error: { type: string; message: string } };
    expect([body, response.status, error.type]).toEqual([body, status, type]);
    expect(error.message).toContain(words);
  }
  await expect(
    sdk.messages.cleanMessages({ identifier: box.grantId, requestBody: { messageId: ids(21) } }),
  ).rejects.toMatchObject({ statusCode: 400, type: 'api.invalid_request_error' });
});

it('lets other requests through while it works on long mails', async () => {
  const messageId = ['long-0', 'long-1', 'long-2'];
  let slowest = 0;
  let done = false;
  const began = performance.now();
  const cleaning = sdk.messages
    .cleanMessages({ identifier: box.grantId, requestBody: { messageId } })
    .finally(() => {
      done = true;
    });
  while (!done) {
    const start = performance.now();
    await api.call('/healthz');
    slowest = Math.max(slowest, performance.now() - start);
    await setTimeout(5);
  }
  const whole = performance.now() - began;
  const { data } = await cleaning;
  expect(data.map(({ id }) => id)).toEqual(messageId);
  expect(data.every(({ conversation }) => conversation.endsWith('It goes on & on.'))).toBe(true);
  // On the event loop each of the three would be one long gap.
  expect(slowest).toBeLessThan(whole / 5);
});
