/** WH11: what is told of a message has the shape of the API's own message, and stays valid JSON when it is too large. */
import Schema from 'typebox/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../../src/model/message.ts';
import { MessageNotification } from '../../src/model/notification.ts';
import { type MessageEvent, messageNotification } from '../../src/webhooks/message-notification.ts';
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

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'one');
  const attachments = Array.from({ length: 50 }, (_, i) => ({
    filename: `Anhang ${i} – Größe.pdf`,
    contentType: 'application/pdf',
    content: Buffer.from(`content ${i}`),
  }));
  box = await addMailbox(api.database.db, app.id, 'me@example.com', [
    { id: 'small', subject: 'small', body: '<p>Grüße \u2028 "quoted"</p>', attachments },
    { id: 'large', subject: 'large', body: `<p>${'日本 large '.repeat(1_000_000)}</p>`, attachments },
  ]);
});
afterAll(() => api?.close());

const shown = async (id: string) => {
  const response = await api.call(`/v3/grants/${box.grantId}/messages/${id}`, app.key);
  return ((await response.json()) as { data: Message }).data;
};
const event = (): MessageEvent => ({
  id: 'event-1',
  type: 'message.created',
  applicationId: app.id,
  provider: 'imap',
  time: 1_723_821_985,
  attempt: 2,
});

test('holds the message as the API shows it', async () => {
  const message = await shown('small');
  const told = JSON.parse(JSON.stringify(messageNotification(event(), message)));
  expect(told).toEqual({
    specversion: '1.0',
    type: 'message.created',
    source: '/imap/emails/realtime',
    id: 'event-1',
    time: 1_723_821_985,
    webhook_delivery_attempt: 2,
    data: { application_id: app.id, grant_id: box.grantId, object: message },
  });
  expect(Schema.Compile(MessageNotification).Check(told)).toBe(true);
});

test('leaves out the body, and says so in its type, when it would have more than 1 MB', async () => {
  const message = await shown('large');
  const text = JSON.stringify(messageNotification(event(), message));
  expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
  const told = JSON.parse(text);
  expect(Schema.Compile(MessageNotification).Check(told)).toBe(true);
  const { body, ...rest } = message;
  expect(body?.length).toBeGreaterThan(1_000_000);
  expect(told).toMatchObject({ type: 'message.created.truncated', id: 'event-1', data: { object: rest } });
  expect(told.data.object).not.toHaveProperty('body');
});

test('tells of a message that is gone by its id', () => {
  const object = { id: 'gone', grant_id: box.grantId, object: 'message' as const };
  const told = messageNotification({ ...event(), type: 'message.deleted' }, object);
  expect(told).toMatchObject({ type: 'message.deleted', data: { object } });
  expect(Schema.Compile(MessageNotification).Check(told)).toBe(true);
});
