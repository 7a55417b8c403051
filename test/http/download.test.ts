import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
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
      ],
    },
    api.blobs,
  );
  box.messages.push(message);
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
