/**
 * IN9: requests that are generated from /openapi.json, against a whole mailquay with a mailbox on a real Dovecot.
 * `npm run fuzz -- --requests 100000` is the long form.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OpenApi } from '../../src/http/openapi/document.ts';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { startDns, type TestDns } from '../support/dns.ts';
import { addApplication, addMailbox } from '../support/fixture.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type Operation, operationsOf } from '../support/openapi/operations.ts';
import { AnswerChecker } from './requests/answers.ts';
import { FuzzClient } from './requests/client.ts';
import type { Surroundings } from './requests/generate.ts';
import { Pools } from './requests/pools.ts';
import { FuzzRun, type Outcome } from './requests/run.ts';

const REQUESTS = Number(process.env.MAILQUAY_FUZZ_REQUESTS ?? 3_000);
const SEED = Number(process.env.MAILQUAY_FUZZ_SEED ?? 20_261_124);
const CONCURRENCY = 12;
/** Of the refused writes, how many are sent between two looks at the database. */
const BETWEEN_LOOKS = 20;
const TIMEOUT_MS = 60 * 60_000;

describeWithTestbed('requests from the description', () => {
  const user = 'ada@mailquay.example';
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  let dns: TestDns;
  let client: FuzzClient;
  let document: OpenApi;
  let operations: Operation[];
  let checker: AnswerChecker;

  beforeAll(async () => {
    // Names lead nowhere: nothing of this leaves the machine.
    dns = await startDns();
    const env = { MAILQUAY_DNS_SERVERS: `127.0.0.1:${dns.port}` };
    // Dovecot 2.3 crashes over its index of folders when many sessions change folders at once.
    const extraConfig = 'mailbox_list_index = no';
    [mailquay, dovecot] = await Promise.all([startMailquay({ env }), startDovecot({ extraConfig })]);
    await fillMaildir(dovecot, user, 'INBOX', 40, { seed: 5 });
    await fillMaildir(dovecot, user, 'Archive', 20, { seed: 6 });
    document = (await mailquay.get<OpenApi>('/openapi.json')).body;
    operations = operationsOf(document);
    checker = new AnswerChecker(document);
    client = new FuzzClient(mailquay.origin, CONCURRENCY);
  }, 180_000);

  afterAll(async () => {
    client?.close();
    await mailquay?.stop();
    await dovecot?.stop();
    await dns?.stop();
  });

  function explain({ faults }: Outcome): string {
    return faults.length === 0 ? '' : `${faults.join('\n')}\nreplay: npm run fuzz -- --seed ${SEED}`;
  }

  it(
    'are all answered as described, whatever they hold',
    async () => {
      const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
      await mailquay.synced(grantId);
      const db = mailquay.server.instance.database.db;
      const { data } = (await mailquay.get<{ data: { application_id: string } }>('/v3/applications')).body;
      const pools = new Pools();
      pools.add('docs', 'docs.css');
      // Few mails have attachments, and a short run may come upon none.
      const attached = `/v3/grants/${grantId}/messages?has_attachment=true&limit=10`;
      pools.learn('/v3/grants/{grant_id}/messages', (await mailquay.get(attached)).body);
      for (let i = 0; i < 30; i++) {
        const { grantId: other } = await addMailbox(db, data.application_id, `other${i}@example.com`, [{}]);
        pools.add('throw-away grants', other);
      }
      const { username, password } = dovecot.user('bob@mailquay.example');
      const settings = {
        imap_username: username,
        imap_password: password,
        imap_host: '127.0.0.1',
        imap_port: dovecot.imapPort,
        imap_security: 'none',
      };
      const around: Surroundings = {
        document,
        pools,
        key: mailquay.apiKey,
        grantId,
        email: user,
        bodies: { 'POST /v3/connect/custom': () => ({ provider: 'imap', settings }) },
      };
      const run = new FuzzRun(operations, around, { client, checker, seed: SEED });
      await run.all(REQUESTS, CONCURRENCY);
      expect(explain(run.outcome)).toBe('');
      // What was never accepted was hardly tried; for a write that may be right, a schema cannot know everything.
      const never = operations.filter(
        ({ name }) => ![...(run.outcome.statuses.get(name)?.keys() ?? [])].some((status) => status < 300),
      );
      if (never.length > 0) console.log(`never accepted: ${never.map(({ name }) => name).join(', ')}`);
      const lists = never.filter(
        ({ method, path, access }) => method === 'GET' && access !== 'signature' && !path.endsWith('}'),
      );
      expect(lists.map(({ name }) => name)).toEqual([]);
      expect((await mailquay.get('/readyz')).status).toBe(200);
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'leave nothing behind when they are refused',
    async () => {
      const db = mailquay.server.instance.database.db;
      const app = await addApplication(db, 'refused');
      const box = await addMailbox(db, app.id, 'refused@example.com', [{ id: 'm1', threadId: 't1' }]);
      const pools = new Pools();
      pools.add('messages', 'm1');
      pools.add('threads', 't1');
      for (const folder of Object.values(box.folders)) pools.add('folders', folder);
      const settings = {
        imap_username: user,
        imap_password: 'wrong',
        imap_host: '127.0.0.1',
        imap_security: 'none',
      };
      const around: Surroundings = {
        document,
        pools,
        key: app.key,
        grantId: box.grantId,
        email: box.email,
        bodies: {
          'POST /v3/connect/custom': () => ({
            provider: 'imap',
            settings: { ...settings, imap_port: dovecot.imapPort },
          }),
        },
      };
      const writes = operations.filter(({ method, access }) => method !== 'GET' && access === 'key');
      const run = new FuzzRun(writes, around, { client, checker, seed: SEED + 1 });
      const tables = await tablesOfApplications(mailquay);
      let before = await rowsOf(mailquay, tables, app.id);
      let refused: string[] = [];
      for (let i = 0; i < REQUESTS / 20 && run.outcome.faults.length === 0; i++) {
        const { request, answer } = await run.one(i, 0);
        if (answer && answer.status >= 400) {
          refused.push(`${request.operation.method} ${request.url} ${request.body ?? ''}`);
          if (refused.length < BETWEEN_LOOKS) continue;
          expect([refused, await rowsOf(mailquay, tables, app.id)]).toEqual([refused, before]);
        }
        before = await rowsOf(mailquay, tables, app.id);
        refused = [];
      }
      expect(explain(run.outcome)).toBe('');
    },
    TIMEOUT_MS,
  );
});

/** Tables with rows of applications; when a key was last used, and how much of a limit is left, may change. */
async function tablesOfApplications(mailquay: TestMailquay): Promise<string[]> {
  const rows = await mailquay.sql<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'application_id' AND table_name NOT IN ('api_keys')
       AND table_name NOT LIKE '%rate%' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** How many rows an application has in each table, and a sum over all that is in them. */
async function rowsOf(mailquay: TestMailquay, tables: string[], applicationId: string): Promise<string[]> {
  const each = tables.map(
    (table) =>
      `SELECT '${table}' AS name, count(*)::text AS rows, coalesce(sum(hashtext(t::text)), 0)::text AS sum
       FROM ${table} t WHERE application_id = $1`,
  );
  const rows = await mailquay.sql<{ name: string; rows: string; sum: string }>(each.join(' UNION ALL '), [
    applicationId,
  ]);
  return rows.map(({ name, rows: count, sum }) => `${name} ${count} ${sum}`);
}
