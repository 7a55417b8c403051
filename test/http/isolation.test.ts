/**
 * MT1 and MT2: whatever the description of the API offers, an application learns nothing of another's ids. The cases
 * come from /openapi.json, so that a new route is covered, or missed aloud.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OpenApi } from '../../src/http/openapi/document.ts';
import type { Database } from '../../src/store/database.ts';
import {
  addApplication,
  addMailbox,
  type FixtureApplication,
  type FixtureMailbox,
} from '../support/fixture.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import {
  type Operation,
  operationsOf,
  resourceNamed,
  resourceOf,
  type Schema,
  urlOf,
} from '../support/openapi/operations.ts';
import { resolved, smallest } from '../support/openapi/smallest.ts';

let mailquay: TestMailquay;
let document: OpenApi;
let operations: Operation[];
let db: Database;
let a: FixtureApplication;
let b: FixtureApplication;
let boxA: FixtureMailbox;
let boxB: FixtureMailbox;

const specs = (mark: string) => [
  {
    id: `message-${mark}`,
    threadId: `thread-${mark}`,
    subject: `secret of ${mark}`,
    attachments: [
      { filename: 'x.txt', contentType: 'text/plain', content: Buffer.from(mark), id: `attachment-${mark}` },
    ],
  },
];

beforeAll(async () => {
  mailquay = await startMailquay();
  document = (await mailquay.get<OpenApi>('/openapi.json')).body;
  operations = operationsOf(document).filter(({ access }) => access === 'key');
  db = mailquay.server.instance.database.db;
  const { blobs } = mailquay.server.services;
  a = await addApplication(db, 'a');
  b = await addApplication(db, 'b');
  boxA = await addMailbox(db, a.id, 'a@example.com', specs('a'), blobs);
  boxB = await addMailbox(db, b.id, 'b@example.com', specs('b'), blobs);
});

afterAll(() => mailquay?.stop());

/** A request as it goes over the wire; who is told to come again later does. */
async function call(path: string, key?: string | null, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key) headers.set('authorization', `Bearer ${key}`);
  for (;;) {
    const response = await fetch(mailquay.origin + path, { ...init, headers });
    if (response.status !== 429) return response;
    await new Promise((resolve) => setTimeout(resolve, Number(response.headers.get('retry-after')) * 1_000));
  }
}

/** Ids of a mailbox by resource. What is not here is created through the resource's own POST; see `idFor`. */
type Ids = Record<string, string>;

const idsOf = (box: FixtureMailbox, mark: string): Ids => ({
  grants: box.grantId,
  applications: box.applicationId,
  messages: `message-${mark}`,
  threads: `thread-${mark}`,
  folders: box.folders.inbox,
  attachments: `attachment-${mark}`,
  // There are none, so nobody has one.
  workspaces: 'workspace-0',
  accounts: 'account-0',
});

/** Other names for a resource. */
const ALIASES: Record<string, string> = { 'callback-uris': 'redirect-uris' };

const MISSING = '00000000-0000-4000-8000-000000000000';

/** The id of a resource; fails when there is none: that is a route which this test does not cover. */
async function idFor(ids: Ids, key: string, resource: string, operation: Operation): Promise<string> {
  const known = ids[ALIASES[resource] ?? resource];
  if (known) return known;
  const end = operation.path.indexOf(`/${resource}/`) + resource.length + 1;
  const create = operations.find((o) => o.method === 'POST' && o.path === operation.path.slice(0, end));
  if (create) {
    const response = await call(urlOf(create.path, { grant_id: ids.grants! }), key, initOf(create));
    const { data } = (await response.json()) as { data?: { id?: string } };
    if (response.ok && data?.id) {
      ids[resource] = data.id;
      return data.id;
    }
  }
  throw new Error(
    `${operation.name} is not covered: there is no example of ${resource}. Add one to idsOf, or give the body of its POST examples.`,
  );
}

/** Method and body of a request; fields of the body can be set. */
function initOf(operation: Operation, fields: object = {}): RequestInit {
  if (!operation.body) return { method: operation.method };
  const body = { ...(smallest(operation.body, document) as object), ...fields };
  return {
    method: operation.method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  };
}

/** Where an operation takes an id besides the grant's: in its path, its query or its body. */
interface Place {
  where: 'path' | 'query' | 'body';
  name: string;
  resource: string;
  list: boolean;
}

function placesOf(operation: Operation): Place[] {
  const parameters = operation.parameters.flatMap((parameter): Place[] => {
    const { name, in: where } = parameter;
    if (name === 'grant_id') return [];
    const resource = where === 'path' ? resourceOf(operation.path, name) : resourceNamed(name);
    return resource ? [{ where, name, resource, list: false }] : [];
  });
  const body = operation.body ? resolved(operation.body, document) : {};
  const fields = Object.entries((body.properties ?? {}) as Record<string, Schema>);
  return [
    ...parameters,
    ...fields.flatMap(([name, schema]): Place[] => {
      const resource = resourceNamed(name);
      return resource ? [{ where: 'body', name, resource, list: schema.type === 'array' }] : [];
    }),
  ];
}

/** What the query must have that is no id. */
function neededWords(operation: Operation): Record<string, string> {
  const needed = operation.parameters.filter((p) => p.in === 'query' && p.required && !resourceNamed(p.name));
  return Object.fromEntries(needed.map((p) => [p.name, String(smallest(p.schema, document))]));
}

/** Asks with an id in each place that needs one or is named in `given`, and others left out. */
function ask(operation: Operation, key: string, grant: string, places: Place[], given: Map<Place, string>) {
  const path: Record<string, string> = { grant_id: grant };
  const query = neededWords(operation);
  const body: Record<string, unknown> = {};
  for (const place of places) {
    const id = given.get(place);
    if (id === undefined) continue;
    if (place.where === 'path') path[place.name] = id;
    if (place.where === 'query') query[place.name] = id;
    if (place.where === 'body') body[place.name] = place.list ? [id] : id;
  }
  return call(urlOf(operation.path, path, query), key, initOf(operation, body));
}

/** Status, headers that a caller could tell apart, and body, without what is different in each answer. */
async function seen(response: Response, ids: Iterable<string> = []): Promise<string> {
  const headers = [...response.headers].filter(
    ([name]) => !['date', 'x-request-id', 'keep-alive', 'content-length'].includes(name),
  );
  let body = (await response.text()).replace(response.headers.get('x-request-id') ?? 'none', '');
  // An answer may repeat what was asked for.
  for (const id of ids) body = body.replaceAll(id, '');
  return JSON.stringify([response.status, headers, body]);
}

const isNeeded = (operation: Operation) => (place: Place) =>
  place.where === 'path' ||
  operation.parameters.some((parameter) => parameter.name === place.name && parameter.required);

/** The ids of those places, all of one owner. */
async function owned(operation: Operation, places: Place[], ids: Ids, key: string) {
  const given = new Map<Place, string>();
  for (const place of places) given.set(place, await idFor(ids, key, place.resource, operation));
  return given;
}

/** All that the owner can read, to see afterwards that nobody else has changed it. */
async function everythingOf(ids: Ids, key: string): Promise<string[]> {
  const answers: string[] = [];
  for (const operation of operations.filter((o) => o.method === 'GET')) {
    const needed = placesOf(operation).filter(isNeeded(operation));
    const response = await ask(operation, key, ids.grants!, needed, await owned(operation, needed, ids, key));
    answers.push(`${operation.name} ${await seen(response)}`);
  }
  return answers;
}

it("answers another application's ids byte for byte like ids that do not exist, wherever an id can stand", async () => {
  const idsA = idsOf(boxA, 'a');
  const idsB = idsOf(boxB, 'b');
  // The first time makes the examples that are not there yet.
  await everythingOf(idsA, a.key);
  const before = await everythingOf(idsA, a.key);
  // The owner gets it: otherwise the rest proves nothing.
  expect(before.filter((line) => !line.includes(' [200,'))).toEqual([]);
  let cases = 0;
  for (const operation of operations) {
    const places = placesOf(operation);
    const needed = places.filter(isNeeded(operation));
    const ofA = await owned(operation, places, idsA, a.key);
    const nowhere = new Map(places.map((place) => [place, MISSING]));
    const onlyNeeded = (ids: Map<Place, string>) => new Map(needed.map((place) => [place, ids.get(place)!]));
    const inGrant = operation.path.includes('{grant_id}');

    if (inGrant) {
      const nothing = await seen(await ask(operation, b.key, MISSING, places, onlyNeeded(nowhere)));
      expect([operation.name, nothing]).toEqual([operation.name, expect.stringMatching(/^\[404,/)]);
      const names = [
        boxA.grantId,
        `grant:${boxA.grantId}`,
        'a@example.com',
        'email:a@example.com',
        'external:x',
      ];
      for (const name of names) {
        const foreign = await seen(await ask(operation, b.key, name, places, onlyNeeded(ofA)));
        expect([operation.name, name, foreign]).toEqual([operation.name, name, nothing]);
        cases += 1;
      }
      const me = await ask(operation, b.key, 'me', places, onlyNeeded(ofA));
      expect([operation.name, me.status]).toEqual([operation.name, 400]);
    }

    // MT2: the own grant, own ids in all places but one.
    for (const place of places) {
      const ofB = await owned(operation, needed, idsB, b.key);
      const with_ = (id: string) =>
        ask(operation, b.key, boxB.grantId, places, new Map([...ofB, [place, id]]));
      const foreignId = ofA.get(place)!;
      const foreign = await with_(foreignId);
      const missing = await with_(MISSING);
      const at = `${operation.name} ${place.where} ${place.name}`;
      if (place.where === 'path') expect([at, missing.status]).toEqual([at, 404]);
      if (place.where === 'body') expect([at, missing.status]).toEqual([at, expect.toBeOneOf([400, 404])]);
      const ids = [foreignId, MISSING];
      expect([at, await seen(foreign, ids)]).toEqual([at, await seen(missing, ids)]);
      cases += 1;
    }
  }
  expect(cases).toBeGreaterThan(60);
  expect(await everythingOf(idsA, a.key)).toEqual(before);
});

it('fails for a route with an id of which it has no example', async () => {
  const unknown = { ...operations[0]!, name: 'GET /v3/things/{id}', path: '/v3/things/{id}' };
  await expect(idFor({}, a.key, resourceOf(unknown.path, 'id'), unknown)).rejects.toThrow(
    'no example of things',
  );
});

it('refuses every route that is not public without a key and with a wrong one', async () => {
  for (const operation of operationsOf(document).filter(({ access }) => access !== 'public')) {
    // Where a signature is asked for, a key that is good is none.
    const good = operation.access === 'signature' ? [a.key] : [];
    for (const key of [null, 'mq_live_wrong', `${a.key}x`, ...good]) {
      const url = urlOf(operation.path, { grant_id: boxA.grantId, id: 'message-a' });
      const response = await call(url, key, initOf(operation));
      expect([operation.name, response.status]).toEqual([operation.name, 401]);
      expect(await response.json()).toMatchObject({ error: { type: 'api.authentication_error' } });
    }
  }
});

it('binds a cursor to application, grant, resource and filters', async () => {
  const many = Array.from({ length: 5 }, (_, i) => ({ id: `m${i}`, threadId: `t${i}`, unread: true }));
  const box = await addMailbox(db, a.id, 'many@example.com', many);
  const other = await addMailbox(db, a.id, 'other@example.com', many);
  const foreign = await addMailbox(db, b.id, 'many@example.com', many);
  const first = await call(`/v3/grants/${box.grantId}/messages?limit=2`, a.key);
  const token = ((await first.json()) as { next_cursor: string }).next_cursor;
  const status = async (path: string, key = a.key) => (await call(path, key)).status;
  expect(await status(`/v3/grants/${box.grantId}/messages?limit=3&select=id&page_token=${token}`)).toBe(200);
  const refused: [string, string?][] = [
    [`/v3/grants/${foreign.grantId}/messages?page_token=${token}`, b.key],
    [`/v3/grants/${other.grantId}/messages?page_token=${token}`],
    [`/v3/grants/${box.grantId}/threads?page_token=${token}`],
    [`/v3/grants/${box.grantId}/folders?page_token=${token}`],
    [`/v3/grants/${box.grantId}/messages?unread=true&page_token=${token}`],
    [`/v3/grants/${box.grantId}/messages?page_token=${token}A`],
    [`/v3/grants/${box.grantId}/messages?page_token=${token.slice(0, -2)}AA`],
    [`/v3/grants/${box.grantId}/messages?page_token=%00`],
    [`/v3/grants/${box.grantId}/messages?page_token=x`],
    [`/v3/grants/${box.grantId}/messages?page_token=${token.toUpperCase()}`],
  ];
  for (const [path, key] of refused) {
    const response = await call(path, key ?? a.key);
    expect([path, response.status]).toEqual([path, 400]);
    expect(await response.text()).toContain('page_token');
  }
});

it('ends a revoked key within seconds, and hides a grant that is being deleted', async () => {
  const app = await addApplication(db, 'short');
  const box = await addMailbox(db, app.id, 'short@example.com', [{ id: 'm' }]);
  const path = `/v3/grants/${box.grantId}/messages/m`;
  expect((await call(path, app.key)).status).toBe(200);
  await db.tenant(app.id, (sql) =>
    sql.run(`UPDATE grants SET status = 'invalid' WHERE application_id = $1`, [app.id]),
  );
  const expired = await call(path, app.key);
  expect(expired.status).toBe(401);
  expect(await expired.text()).toContain('"grant.expired"');
  await db.tenant(app.id, (sql) =>
    sql.run(`UPDATE grants SET deleted_at = now() WHERE application_id = $1`, [app.id]),
  );
  expect((await call(path, app.key)).status).toBe(404);
  await db.engine((sql) =>
    sql.run('UPDATE api_keys SET revoked_at = now() WHERE application_id = $1', [app.id]),
  );
  const start = Date.now();
  while ((await call(path, app.key)).status !== 401) expect(Date.now() - start).toBeLessThan(5000);
});
