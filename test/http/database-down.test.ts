import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { done } from '../../src/http/answer.ts';
import { Authenticator } from '../../src/http/auth.ts';
import { publicRoute, type Route } from '../../src/http/route.ts';
import { applicationRoutes } from '../../src/http/routes/applications.ts';
import { healthRoutes } from '../../src/http/routes/health.ts';
import { createServer } from '../../src/http/server.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { Database, type DatabaseTarget } from '../../src/store/database.ts';
import { addApplication, type FixtureApplication } from '../support/fixture.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let app: FixtureApplication;

beforeAll(async () => {
  database = await openTestDatabase();
  app = await addApplication(database.db, 'one');
});

afterAll(() => database?.close());

function serverOn(target: DatabaseTarget, extraRoutes: Route[] = []) {
  const db = new Database(target);
  const metrics = createMetrics();
  const routes = [...applicationRoutes({ db }), ...healthRoutes({ db, metrics }), ...extraRoutes];
  const server = createServer({
    db,
    log: createLog('silent'),
    metrics,
    routes,
    authenticator: new Authenticator(db),
  });
  const get = (url: string) => server.inject({ url, headers: { authorization: `Bearer ${app.key}` } });
  return { db, server, get };
}

it('is a 503 that says when to come again while the database cannot be reached', async () => {
  const { db, server, get } = serverOn({ host: '127.0.0.1', port: 1 });
  const answer = await get('/v3/applications');
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(answer.json()).toMatchObject({ error: { type: 'api.unavailable' } });
  expect(answer.json().request_id).toBe(answer.headers['x-request-id']);
  expect((await get('/readyz')).statusCode).toBe(503);
  expect((await get('/healthz')).statusCode).toBe(200);
  await server.close();
  await db.close();
});

it('is a 503 while all connections are taken, and an answer again afterwards', async () => {
  const { db, server, get } = serverOn({ ...database.target, max: 1, connectionTimeoutMillis: 1_000 });
  // A connection that stands, so that only waiting for it can time out.
  await db.engine(async () => {});
  const done = Promise.withResolvers<void>();
  const busy = db.engine(() => done.promise);
  expect((await get('/v3/applications')).statusCode).toBe(503);
  done.resolve();
  await busy;
  expect((await get('/v3/applications')).statusCode).toBe(200);
  await server.close();
  await db.close();
});

it('refuses in its own shape while it shuts down, and finishes what it has begun', async () => {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const slow = publicRoute({
    summary: 'Takes its time',
    tag: 'Test',
    contentType: 'text/plain',
    method: 'GET',
    path: '/slow',
    handle: async () => {
      begun.resolve();
      await finish.promise;
      return done();
    },
  });
  const { db, server } = serverOn(database.target, [slow]);
  await server.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  const answers = text(socket);
  socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
  await begun.promise;
  const closing = server.close();
  await setTimeout(50);
  socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
  await setTimeout(50);
  finish.resolve();
  const [first, second] = (await answers).split(/(?=HTTP\/1\.1 )/);
  expect(first).toMatch(/^HTTP\/1\.1 200/);
  expect(second).toMatch(/^HTTP\/1\.1 503/);
  expect(second).toContain('"api.unavailable"');
  await closing;
  await db.close();
});
