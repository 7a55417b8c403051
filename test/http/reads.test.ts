import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import {
  addApplication,
  addMailbox,
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

const path = (rest: string) => `/v3/grants/${box.grantId}/${rest}`;
const body = async (response: Response) => ({ status: response.status, json: await response.json() });

describe('messages through the SDK', () => {
  it('pages to the end, each message once and in order', async () => {
    const ids: string[] = [];
    for await (const page of api
      .sdk(app.key)
      .messages.list({ identifier: box.grantId, queryParams: { limit: 4 } })) {
      expect(page.data.length).toBeLessThanOrEqual(4);
      ids.push(...page.data.map((message) => message.id));
      if (!page.nextCursor) break;
    }
    expect(ids).toEqual(newestFirst());
  });
});
