import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { RawSource } from '../../src/http/content/originals.ts';
import { ApiError } from '../../src/platform/errors.ts';
import { startApi, type TestApi } from '../support/api.ts';
import {
  addApplication,
  addMailbox,
  addMessage,
  type FixtureApplication,
  type FixtureMailbox,
  type FixtureMessage,
} from '../support/fixture.ts';

let api: TestApi;
let app: FixtureApplication;
let box: FixtureMailbox;
let message: FixtureMessage;
let other: FixtureMessage;
const big = randomBytes(5_000_000);
/** What the provider was asked for. */
let asked: (object | null)[] = [];
/** The provider hands out the mail as it is. */
const honest: RawSource = async (_grant, messageId, range) => {
  asked.push(range);
  const { raw } = box.messages.find((m) => m.id === messageId)!;
  return Readable.from([range ? raw.subarray(range.offset, range.offset + range.length) : raw]);
};

beforeAll(async () => {
  api = await startApi();
  app = await addApplication(api.database.db, 'one');
  box = await addMailbox(api.database.db, app.id, 'me@example.com', [], api.blobs);
  message = await addMessage(
    api.database.db,
    box,
    {
      id: 'with/slash',
      attachments: [
        { filename: 'größe "50%"/../x.pdf', contentType: 'application/pdf; name="x"', content: big },
        { filename: null, contentType: 'text/html\r\nx: y', content: Buffer.from('<script>') },
        { filename: 'empty.bin', contentType: 'application/octet-stream', content: Buffer.alloc(0) },
        { filename: 'logo.png', contentType: 'image/png', content: Buffer.from('png'), contentId: 'logo@x' },
        { filename: '見積書 📄.txt', contentType: 'text/plain', content: Buffer.from('hello') },
      ],
    },
    api.blobs,
  );
  other = await addMessage(
    api.database.db,
    box,
    { attachments: [{ filename: 'x', contentType: 'a/b', content: Buffer.from('x') }] },
    api.blobs,
  );
  box.messages.push(message, other);
});

afterAll(() => api?.close());

beforeEach(() => {
  asked = [];
  api.provider.fetchRaw = honest;
});

function path(index: number, of = message): string {
  const attachment = encodeURIComponent(of.attachments[index]!.id);
  return `/v3/grants/${box.grantId}/attachments/${attachment}/download?message_id=${encodeURIComponent(of.id)}`;
}

const bytes = async (response: Response) => Buffer.from(await response.arrayBuffer());

it('gives the bytes through the SDK, from the raw copy', async () => {
  const params = {
    identifier: box.grantId,
    attachmentId: message.attachments[0]!.id,
    queryParams: { messageId: message.id },
  };
  const downloaded = await api.sdk(app.key).attachments.downloadBytes(params);
  expect(Buffer.from(downloaded).equals(big)).toBe(true);
  expect(asked).toEqual([]);
  const found = await api.sdk(app.key).attachments.find(params);
  expect(found.data).toEqual({
    id: message.attachments[0]!.id,
    grantId: box.grantId,
    filename: 'größe "50%"/../x.pdf',
    contentType: 'application/pdf; name="x"',
    size: big.length,
    isInline: false,
    contentDisposition: 'attachment',
  });
});

it('streams through the SDK', async () => {
  const params = {
    identifier: box.grantId,
    attachmentId: message.attachments[0]!.id,
    queryParams: { messageId: message.id },
  };
  const web = await api.sdk(app.key).attachments.download(params);
  expect((await buffer(web as WebStream<Uint8Array>)).equals(big)).toBe(true);
  const stream = await api.sdk(app.key).attachments.downloadNodeStream(params);
  expect((await buffer(stream)).equals(big)).toBe(true);
});

it('tells which images the body shows', async () => {
  const { data } = await api.sdk(app.key).messages.find({ identifier: box.grantId, messageId: message.id });
  const inline = data.attachments?.find(({ contentId }) => contentId === 'logo@x');
  expect(inline).toMatchObject({ filename: 'logo.png', isInline: true, contentDisposition: 'inline' });
  const bytes = await api.sdk(app.key).attachments.downloadBytes({
    identifier: box.grantId,
    attachmentId: inline!.id,
    queryParams: { messageId: message.id },
  });
  expect(Buffer.from(bytes).toString()).toBe('png');
});

it('takes select and query_imap, and only the message that an attachment belongs to', async () => {
  const { attachments } = api.sdk(app.key);
  const attachmentId = message.attachments[0]!.id;
  const queryParams = { messageId: message.id, select: 'id,size', queryImap: true };
  const found = await attachments.find({ identifier: box.grantId, attachmentId, queryParams });
  expect(found.data).toEqual({ id: attachmentId, size: big.length });
  const identifier = box.grantId;
  for (const wrong of [
    { identifier, attachmentId, queryParams: { messageId: other.id } },
    { identifier, attachmentId: other.attachments[0]!.id, queryParams: { messageId: message.id } },
    { identifier, attachmentId: 'nothing', queryParams: { messageId: message.id } },
  ]) {
    const notFound = { statusCode: 404, type: 'api.not_found_error' };
    await expect(attachments.find(wrong)).rejects.toMatchObject(notFound);
    await expect(attachments.download(wrong)).rejects.toMatchObject(notFound);
  }
  const nowhere = { identifier, attachmentId, queryParams: {} as { messageId: string } };
  for (const call of [attachments.find(nowhere), attachments.downloadBytes(nowhere)]) {
    await expect(call).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('message_id'),
    });
  }
});

it('offers a name in any script', async () => {
  const response = await api.call(`${path(4)}&query_imap=true&select=id`, app.key);
  expect(response.headers.get('content-disposition')).toBe(
    `attachment; filename="___ __.txt"; filename*=UTF-8''${encodeURIComponent('見積書 📄.txt')}`,
  );
  expect((await bytes(response)).toString()).toBe('hello');
});

it('sends a download that nobody can mistake for a page', async () => {
  const response = await api.call(path(0), app.key, { headers: { 'accept-encoding': 'gzip' } });
  const headers = Object.fromEntries(response.headers);
  expect(headers).toMatchObject({
    'content-type': 'application/pdf',
    'content-length': String(big.length),
    'content-disposition':
      'attachment; filename="gr__e _50___.._x.pdf"; filename*=UTF-8\'\'gr%C3%B6%C3%9Fe%20%2250%25%22_.._x.pdf',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  });
  expect(headers).not.toHaveProperty('content-encoding');
  await response.body?.cancel();
  const html = await api.call(path(1), app.key);
  expect(html.headers.get('content-type')).toBe('application/octet-stream');
  expect(html.headers.get('content-disposition')).toContain('filename="attachment"');
  const empty = await api.call(path(2), app.key);
  expect([empty.status, empty.headers.get('content-length'), (await bytes(empty)).length]).toEqual([
    200,
    '0',
    0,
  ]);
});

it('answers HEAD without fetching anything', async () => {
  const head = await api.call(path(0), app.key, { method: 'HEAD' });
  expect(head.headers.get('content-length')).toBeNull();
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'application/pdf']);
  expect(asked).toEqual([]);
});

it('asks the provider when the raw copy is gone, old, cut or changed, and for no more than it needs', async () => {
  const change = (set: string) =>
    api.database.db.tenant(app.id, (sql) =>
      sql.run(`UPDATE messages SET ${set} WHERE grant_id = $1 AND id = $2`, [box.grantId, message.id]),
    );
  const { offset, length } = message.attachments[0]!;
  for (const set of [
    `raw_stored_at = now() - interval '7 days'`,
    `raw_stored_at = now(), raw_offset = raw_offset + 1`,
    `raw_offset = raw_offset + 100000000`,
    `raw_object = 'raw/nothing/here'`,
    `raw_object = NULL`,
  ]) {
    await change(set);
    const response = await api.call(path(0), app.key);
    expect([set, response.status, (await bytes(response)).equals(big)]).toEqual([set, 200, true]);
    expect(asked.splice(0)).toEqual([{ offset, length }]);
  }
  const raw = await api.call(
    `/v3/grants/${box.grantId}/messages/${encodeURIComponent(message.id)}?fields=raw_mime`,
    app.key,
    { headers: { 'accept-encoding': 'gzip' } },
  );
  expect(raw.headers.get('content-encoding')).toBe('gzip');
  const { data } = (await raw.json()) as { data: { raw_mime: string } };
  expect(Buffer.from(data.raw_mime, 'base64url').equals(message.raw)).toBe(true);
  expect(asked).toEqual([null]);
});

it('sends nothing of what is not the promised bytes', async () => {
  const lies: Record<string, RawSource> = {
    changed: async (grant, id, range) => {
      const read = await buffer(await honest(grant, id, range));
      read[read.length - 1]! ^= 1;
      return Readable.from([read]);
    },
    short: async () => Readable.from([Buffer.from('abc')]),
    endless: async () =>
      new Readable({
        read() {
          this.push(Buffer.alloc(65_536, 65));
        },
      }),
    broken: async () =>
      new Readable({
        read() {
          this.destroy(new Error('connection lost'));
        },
      }),
    unreachable: async () => {
      throw new Error('secret words');
    },
  };
  for (const [name, lie] of Object.entries(lies)) {
    api.provider.fetchRaw = lie;
    for (const target of [path(0), `/v3/grants/${box.grantId}/messages?fields=raw_mime`]) {
      const response = await api.call(target, app.key);
      const text = await response.text();
      expect([name, response.status, response.headers.get('content-disposition')]).toEqual([name, 504, null]);
      expect(text).toContain('"api.provider_error"');
      expect(text).not.toContain('secret');
    }
  }
  api.provider.fetchRaw = async () => {
    throw new ApiError('grant.expired', 'Log in again.');
  };
  expect((await api.call(path(0), app.key)).status).toBe(401);
});

it('leaves no file behind', async () => {
  expect((await readdir(api.directory)).filter((name) => name.startsWith('mailquay-'))).toEqual([]);
});
