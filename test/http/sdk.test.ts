/** Calls of the official SDK that no other test makes. */
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addMailbox, type FixtureMailbox } from '../support/fixture.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';

let mailquay: TestMailquay;
let box: FixtureMailbox;
const content = Buffer.from('the report\n'.repeat(5_000));

beforeAll(async () => {
  mailquay = await startMailquay();
  const { server, nylas } = mailquay;
  const { data } = await nylas.applications.getDetails();
  const attachments = [{ id: 'a1', filename: 'Bericht für Ada.txt', contentType: 'text/plain', content }];
  const specs = [{ id: 'm1', attachments }];
  const { db } = server.instance.database;
  box = await addMailbox(db, data.applicationId, 'me@example.com', specs, server.services.blobs);
});

afterAll(() => mailquay?.stop());

it('reads an attachment in each of its ways', async () => {
  const { nylas } = mailquay;
  const which = { identifier: box.grantId, attachmentId: 'a1', queryParams: { messageId: 'm1' } };
  const { data } = await nylas.attachments.find({ ...which });
  expect(data).toMatchObject({ id: 'a1', filename: 'Bericht für Ada.txt', size: content.length });
  expect(await nylas.attachments.downloadBytes({ ...which })).toEqual(content);
  expect(await buffer(await nylas.attachments.download({ ...which }))).toEqual(content);
  expect(await buffer(await nylas.attachments.downloadNodeStream({ ...which }))).toEqual(content);
});

it('changes the record of a grant', async () => {
  const { nylas } = mailquay;
  const { data } = await nylas.grants.update({ grantId: box.grantId, requestBody: { scope: ['mail.read'] } });
  expect(data).toMatchObject({ id: box.grantId, scope: ['mail.read'], email: 'me@example.com' });
  expect((await nylas.grants.find({ grantId: box.grantId })).data.scope).toEqual(['mail.read']);
});
