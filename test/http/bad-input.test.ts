import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { one } from '../../src/http/answer.ts';
import { applicationRoute } from '../../src/http/route.ts';
import { ErrorAnswer } from '../../src/model/error.ts';
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

/** A route with a body, as later resources will have. */
const echo = applicationRoute({
  method: 'POST',
  path: '/test/echo',
  summary: 'Its body again',
  tag: 'Test',
  contentType: 'application/json',
  body: Type.Object({
    name: Type.String(),
    to: Type.Optional(Type.Array(Type.Object({ email: Type.String() }))),
    kind: Type.Optional(Type.Union([Type.Literal('a'), Type.Literal('b')])),
    count: Type.Optional(Type.Integer()),
    metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  }),
  handle: ({ body }) => one(body),
});
const broken = applicationRoute({
  method: 'GET',
  path: '/test/broken',
  summary: 'Always fails',
  tag: 'Test',
  contentType: 'application/json',
  handle: () => {
    throw new Error('the secret of the house');
  },
});

beforeAll(async () => {
  api = await startApi({
    extraRoutes: () => [echo, broken],
    timeouts: { headers: 700, request: 1_500, check: 100 },
  });
  app = await addApplication(api.database.db, 'one');
  box = await addMailbox(api.database.db, app.id, 'me@example.com', [{ id: 'm1', threadId: 't1' }]);
});

afterAll(() => api?.close());

const isErrorAnswer = Compile(ErrorAnswer);

/** Sends, and checks what every refusal must be: our shape, our status, the request id in both places. */
async function refused(
  path: string,
  status: number,
  init: RequestInit = {},
  key = app.key,
): Promise<ErrorAnswer> {
  const response = await api.call(path, key, init);
  const json: unknown = await response.json();
  expect([path, response.status, json]).toEqual([path, status, json]);
  expect(isErrorAnswer.Errors(json)).toEqual([]);
  const answer = json as ErrorAnswer;
  expect(response.headers.get('x-request-id')).toBe(answer.request_id);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  return answer;
}

const post = (body: string | Buffer, type = 'application/json'): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'content-type': type },
});

describe('queries', () => {
  const cases: [string, string][] = [
    ...[
      '0',
      '-1',
      '201',
      '1e9',
      '1000000000',
      '99999999999999999999',
      '1.5',
      '+5',
      ' 5',
      '0x10',
      '',
      'NaN',
      '٣',
      'true',
    ].map((value): [string, string] => [`limit=${encodeURIComponent(value)}`, 'limit']),
    ['limit=1&limit=2', 'limit'],
    ['unread=1', 'unread'],
    ['unread=TRUE', 'unread'],
    ['unread=', 'unread'],
    ['starred=yes', 'starred'],
    ['received_after=-5', 'received_after'],
    ['received_before=9'.padEnd(40, '9'), 'received_before'],
    ['fields=everything', 'fields'],
    ['fields=__proto__', 'fields'],
    ['subject=a%00b', 'subject'],
    [`subject=${'x'.repeat(1001)}`, 'subject'],
    ['in=%00', 'in'],
    ['in=inbox', 'in'],
    ['in=', 'in'],
    ['select=%00', 'select'],
    ['from=a%00@x', 'from'],
    [`any_email=${Array.from({ length: 26 }, (_, i) => `a${i}@x.example`).join(',')}`, 'any_email'],
    ['subject=%', 'query'],
    ['subject=%zz', 'query'],
    ['subject=%ff', 'query'],
    ['%ff=1', 'query'],
    ['subject=%ed%a0%80', 'query'],
  ];
  it.each(cases)('%s is refused, and named', async (query, field) => {
    const { error } = await refused(`/v3/grants/${box.grantId}/messages?${query}`, 400);
    expect(error.type).toBe('api.invalid_request_error');
    expect(error.message).toMatch(new RegExp(`^${field}`));
  });

  const accepted = [
    'unknown=1&__proto__=2&constructor=3&toString=4&hasOwnProperty=5',
    'limit=undefined&unread=undefined&page_token=undefined&select=undefined',
    'limit=200',
    '&&&=&limit=1',
    "subject=';DROP TABLE messages;--",
    'subject=%25_%5C%27%22',
    'subject=%F0%9F%98%80%0D%0A',
    'thread_id=nothing',
    'from=&to=@&cc=%22%22@',
    'select=,,,',
    'received_after=0&received_before=999999999999999',
  ];
  it.each(accepted)('%s is answered', async (query) => {
    const response = await api.call(`/v3/grants/${box.grantId}/messages?${query}`, app.key);
    expect(response.status).toBe(200);
  });

  it('need the message of an attachment', async () => {
    for (const path of ['attachments/x', 'attachments/x/download']) {
      const { error } = await refused(`/v3/grants/${box.grantId}/${path}`, 400);
      expect(error.message).toContain('message_id');
      await refused(`/v3/grants/${box.grantId}/${path}?message_id=`, 400);
      await refused(`/v3/grants/${box.grantId}/${path}?message_id=m1`, 404);
      await refused(`/v3/grants/${box.grantId}/${path}?message_id=%00`, 400);
    }
  });
});

describe('paths', () => {
  it.each([
    '/',
    '/v3',
    '/v3/nothing',
    '/v3/grants/x/messages',
    '/v3/grants/%00/messages',
    '/v3/grants/grant:/messages',
    '/v3/grants/grant:grant:x/messages',
    '/v3/grants/email:/messages',
    '/v3/grants/@/messages',
    '/v3/grants/external:1/messages',
    '/v3/grants/%F0%9F%98%80/messages',
    '/v3/grants/grant_id_that_is_far_too_long/messages',
    '/v3/grants/__proto__/messages',
  ])('%s is 404', async (path) => {
    const { error } = await refused(path, 404);
    expect(error.type).toBe('api.not_found_error');
  });

  it('of messages that are not there are 404, whatever the id', async () => {
    for (const id of ['nothing', '%00', 'a%00b', '%EF%BF%BF', "'", '%F0%9F%98%80', 'x'.repeat(5000)]) {
      await refused(`/v3/grants/${box.grantId}/messages/${id}`, 404);
      await refused(`/v3/grants/${box.grantId}/threads/${id}`, 404);
      await refused(`/v3/grants/${box.grantId}/folders/${id}`, 404);
    }
  });

  it('with broken percent-encoding are 400', async () => {
    for (const id of ['%', '%zz', '%ff', '%ed%a0%80', 'a%2']) {
      const answer = await wire(`GET /v3/grants/${box.grantId}/messages/${id} HTTP/1.1\r\n${auth()}\r\n`);
      expect([id, statusOf(answer)]).toEqual([id, 400]);
    }
  });

  it('with another method are 405 and say what is allowed', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const response = await api.call(`/v3/grants/${box.grantId}/threads`, app.key, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
      expect(isErrorAnswer.Check(await response.json())).toBe(true);
    }
    const options = await api.call(`/v3/grants/${box.grantId}/threads`, null, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
    const head = await api.call(`/v3/grants/${box.grantId}/threads`, app.key, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await api.call(`/v3/grants/${box.grantId}/threads`, null, { method: 'HEAD' })).status).toBe(401);
  });

  it('take every way to name a grant', async () => {
    const ways = [
      box.grantId,
      box.grantId.toUpperCase(),
      `grant:${box.grantId}`,
      `grant%3A${box.grantId}`,
      'me@example.com',
      'ME%40Example.com',
      'email:me@example.com',
      'email%3Ame%40example.com',
    ];
    for (const way of ways) {
      expect([way, (await api.call(`/v3/grants/${way}/messages`, app.key)).status]).toEqual([way, 200]);
    }
  });
});

describe('bodies', () => {
  const nested = (depth: number) => `{"name":"x","metadata":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
  const cases: [string, string | Buffer, number, string][] = [
    ['half JSON', '{"name":', 400, 'api.invalid_request_payload'],
    ['no JSON', 'name=x', 400, 'api.invalid_request_payload'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400, 'api.invalid_request_payload'],
    ['nothing', '', 400, 'api.invalid_request_error'],
    ['null', 'null', 400, 'api.invalid_request_error'],
    ['an array', '[]', 400, 'api.invalid_request_error'],
    ['a depth of 10,000', nested(10_000), 400, 'api.invalid_request_error'],
    ['arrays to a depth of 100,000', '['.repeat(100_000), 400, 'api.invalid_request_payload'],
    ['NUL in a value', '{"name":"a\\u0000"}', 400, 'api.invalid_request_error'],
    ['NUL in a key', '{"name":"a","metadata":{"\\u0000":1}}', 400, 'api.invalid_request_error'],
    ['half a surrogate pair', '{"name":"\\ud800"}', 400, 'api.invalid_request_error'],
    ['__proto__', '{"name":"a","__proto__":{"admin":true}}', 400, 'api.invalid_request_error'],
    ['1e400', '{"name":"a","count":1e400}', 400, 'api.invalid_request_error'],
    ['a wrong type', '{"name":5}', 400, 'api.invalid_request_error'],
    ['more than 3 MB', `{"name":"${'x'.repeat(3 * 1024 * 1024)}"}`, 413, 'api.payload_too_large'],
  ];
  it.each(cases)('%s is refused', async (_name, body, status, type) => {
    const { error } = await refused('/test/echo', status, post(body));
    expect(error.type).toBe(type);
  });

  it('of any size are answered so that a client that is still sending reads it', async () => {
    const body = `{"name":"${'x'.repeat(45_000_000)}"}`;
    for (let i = 0; i < 3; i += 1) {
      const { error } = await refused('/test/echo', 413, post(body));
      expect(error.type).toBe('api.payload_too_large');
    }
  });

  it('name the field at fault', async () => {
    const message = async (body: string) => (await refused('/test/echo', 400, post(body))).error.message;
    expect(await message('{}')).toMatch(/^name: is required/);
    expect(await message('{"name":1}')).toMatch(/^name: must be string/);
    expect(await message('{"name":"x","to":[{"email":"a"},{}]}')).toMatch(/^to\[1\]\.email: is required/);
    expect(await message('{"name":"x","kind":"c"}')).toMatch(/^kind: /);
    expect(await message('{"name":"x","to":["\\u0000"]}')).toMatch(/^to\[0\]: must not contain a NUL/);
    expect(await message('{"name":"x","to":[{"email":{"a.b":"\\u0000"}}]}')).toMatch(
      /^to\[0\]\.email\.a\.b: /,
    );
    expect(await message('{"name":"x","settings":{"imap_port":1e400}}')).toMatch(
      /^settings\.imap_port: is a number/,
    );
  });

  it('are read in JSON only, and never decompressed', async () => {
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'nonsense',
      'a/b;;=',
    ]) {
      await refused('/test/echo', 415, post('{"name":"x"}', type));
    }
    const zipped = post('{"name":"x"}');
    await refused('/test/echo', 415, {
      ...zipped,
      headers: { ...zipped.headers, 'content-encoding': 'gzip' },
    });
  });

  it('without a known key are not read at all', async () => {
    const answer = await wire(
      `POST /test/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 999999\r\n\r\n`,
    );
    expect(statusOf(answer)).toBe(401);
  });

  it('that are good arrive', async () => {
    const body = { name: 'ü😀', to: [{ email: 'a@x' }], metadata: { a: { b: [1, null] } } };
    const response = await api.call(
      '/test/echo',
      app.key,
      post(JSON.stringify(body), 'application/json; charset=utf-8'),
    );
    expect(((await response.json()) as { data: unknown }).data).toEqual(body);
    expect({}).not.toHaveProperty('admin');
  });
});

describe('the server', () => {
  it('tells nothing of an error of its own', async () => {
    const { error } = await refused('/test/broken', 500);
    expect(error).toEqual({ type: 'api.internal_error', message: 'Something went wrong on our side.' });
  });

  it('compresses what is worth it, for those who want it', async () => {
    const path = `/v3/grants/${box.grantId}/messages`;
    const plain = await api.call(path, app.key, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    const zipped = await api.call(path, app.key, { headers: { 'accept-encoding': 'br, gzip;q=0.5' } });
    expect(zipped.headers.get('content-encoding')).toBe('gzip');
    expect(await zipped.json()).toMatchObject({ data: [{ id: 'm1' }] });
    const refusesGzip = await api.call(path, app.key, { headers: { 'accept-encoding': 'gzip;q=0, *' } });
    expect(refusesGzip.headers.get('content-encoding')).toBeNull();
    const short = await api.call('/healthz', null, { headers: { 'accept-encoding': 'gzip' } });
    expect(short.headers.get('content-encoding')).toBeNull();
  });

  it('answers broken HTTP in its own shape', async () => {
    const cases: [string, number][] = [
      ['NONSENSE\r\n\r\n', 400],
      ['GET / HTTP/9.9\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
      ['GET /v3/applications HTTP/1.1\r\n\r\n', 401],
      ['POST /test/echo HTTP/1.1\r\nhost: x\r\nexpect: miracle\r\n\r\n', 417],
      ['GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n', 400],
      [`GET ${'/a'.repeat(3000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 404],
      ['GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n', 400],
      ['OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n', 404],
    ];
    for (const [request, status] of cases) {
      const answer = await wire(request);
      expect([request.slice(0, 60), statusOf(answer)]).toEqual([request.slice(0, 60), status]);
      const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
      expect(isErrorAnswer.Errors(JSON.parse(body))).toEqual([]);
      expect(answer.toLowerCase()).toContain(`x-request-id: ${(JSON.parse(body) as ErrorAnswer).request_id}`);
    }
  });

  it('does not wait for those who dribble', async () => {
    const start = Date.now();
    expect(statusOf(await wire('GET / HTTP/1.1\r\nhost: x\r\nx-slow: ', { keepOpen: true }))).toBe(408);
    const head = `POST /test/echo HTTP/1.1\r\n${auth()}content-type: application/json\r\ncontent-length: 100\r\n\r\n{`;
    expect(statusOf(await wire(head, { keepOpen: true }))).toBe(408);
    expect(Date.now() - start).toBeLessThan(6_000);
  });

  it('is healthy, ready and measured', async () => {
    expect((await api.call('/healthz')).status).toBe(200);
    expect((await api.call('/readyz')).status).toBe(200);
    const metrics = await (await api.call('/metrics')).text();
    expect(metrics).toContain('route="/v3/grants/:grant_id/messages",status="200"');
    expect(metrics).toContain('process_cpu_seconds_total');
    expect(metrics).not.toContain(box.grantId);
    expect(metrics).not.toContain('example.com');
  });
});

const auth = () => `host: x\r\nauthorization: Bearer ${app.key}\r\n`;
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);

/** Writes bytes to the server as they are, and reads until it closes the connection (or we ask it to). */
async function wire(request: string, options: { keepOpen?: boolean } = {}): Promise<string> {
  const socket = connect(Number(new URL(api.origin).port), '127.0.0.1');
  socket.on('error', () => {});
  if (options.keepOpen) socket.write(request);
  else socket.end(request.replace('\r\n', '\r\nconnection: close\r\n'));
  return text(socket);
}
