import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenRules } from '../support/catalog.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await openTestDatabase();
  client = new pg.Client(database.target);
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await database?.close();
});

describe('the schema', () => {
  it('keeps the sharding rules 1 to 3 after all migrations', async () => {
    expect(await brokenRules(client)).toEqual([]);
  });

  it('has tables of every kind, so that the rule above means something', async () => {
    const { rows } = await client.query(
      `SELECT split_part(obj_description(oid, 'pg_class'), '.', 1) AS kind, count(*)::int AS count FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { kind: 'kind: queue', count: expect.any(Number) },
      { kind: 'kind: reference', count: 2 },
      { kind: 'kind: scoped', count: expect.any(Number) },
    ]);
    expect(rows[2].count).toBeGreaterThanOrEqual(9);
  });
});

/** A scoped table as it must be; each test below breaks one thing of it. */
const COLUMNS = `application_id uuid NOT NULL, grant_id uuid NOT NULL, id text NOT NULL`;
const SOUND = `CREATE TABLE probe (${COLUMNS}, PRIMARY KEY (grant_id, id));
  COMMENT ON TABLE probe IS 'kind: scoped. A probe.'`;
const WALL = `ALTER TABLE probe ENABLE ROW LEVEL SECURITY; ALTER TABLE probe FORCE ROW LEVEL SECURITY;
  CREATE POLICY tenant ON probe USING (current_setting('mailquay.application_id', true)::uuid = application_id)`;
const QUEUE = `CREATE TABLE probe (id text PRIMARY KEY, grant_id uuid, message_id text);
  COMMENT ON TABLE probe IS 'kind: queue. A probe.'`;

const BREACHES: [name: string, sql: string, found: string[]][] = [
  ['a sound table', `${SOUND}; ${WALL}`, []],
  ['a sound queue', QUEUE, []],
  [
    'a table without a comment',
    'CREATE TABLE probe (id text PRIMARY KEY)',
    ['its comment does not begin with "kind: reference|scoped|queue"'],
  ],
  [
    'a comment of an unknown kind',
    `CREATE TABLE probe (id text PRIMARY KEY); COMMENT ON TABLE probe IS 'kind: cache. Nothing.'`,
    ['its comment does not begin with "kind: reference|scoped|queue"'],
  ],
  [
    'a grant_id that may be null',
    `CREATE TABLE probe (application_id uuid NOT NULL, grant_id uuid, id text NOT NULL);
     COMMENT ON TABLE probe IS 'kind: scoped. A probe.'; ${WALL}`,
    ['no grant_id uuid not null', 'no primary key'],
  ],
  [
    'a grant_id of another type, and no application_id',
    `CREATE TABLE probe (grant_id text NOT NULL PRIMARY KEY); COMMENT ON TABLE probe IS 'kind: scoped. A probe.';
     ALTER TABLE probe ENABLE ROW LEVEL SECURITY; ALTER TABLE probe FORCE ROW LEVEL SECURITY;
     CREATE POLICY tenant ON probe USING (current_setting('mailquay.application_id', true) = grant_id)`,
    ['no application_id uuid not null', 'no grant_id uuid not null'],
  ],
  [
    'a primary key without grant_id',
    `CREATE TABLE probe (${COLUMNS}, PRIMARY KEY (id)); COMMENT ON TABLE probe IS 'kind: scoped. A probe.'; ${WALL}`,
    ['probe_pkey is unique without grant_id'],
  ],
  [
    'a unique index without grant_id, also a partial one of an expression',
    `${SOUND}; ${WALL}; CREATE UNIQUE INDEX probe_by_name ON probe (lower(id)) WHERE id <> ''`,
    ['probe_by_name is unique without grant_id'],
  ],
  [
    'no row-level security',
    SOUND,
    ['no policy', 'no row-level security', 'row-level security is not forced'],
  ],
  [
    'row-level security that the owner walks around',
    `${SOUND}; ${WALL}; ALTER TABLE probe NO FORCE ROW LEVEL SECURITY`,
    ['row-level security is not forced'],
  ],
  [
    'a policy with a subquery',
    `${SOUND}; ${WALL}; DROP POLICY tenant ON probe; CREATE POLICY tenant ON probe USING (application_id IN
       (SELECT id FROM applications WHERE id::text = current_setting('mailquay.application_id', true)))`,
    ['policy tenant holds a subquery'],
  ],
  [
    'a second policy that lets everybody write',
    `${SOUND}; ${WALL}; CREATE POLICY open ON probe FOR INSERT WITH CHECK (true)`,
    ['policy open does not ask for the application'],
  ],
  [
    'a policy that lets everybody read',
    `${SOUND}; ${WALL}; CREATE POLICY open ON probe FOR SELECT USING (true)`,
    ['policy open does not ask for the application'],
  ],
  [
    'foreign keys that act beyond cascade',
    `${SOUND}; ${WALL}; ALTER TABLE probe ADD folder_id text,
       ADD CONSTRAINT f1 FOREIGN KEY (grant_id, folder_id) REFERENCES folders (grant_id, id) ON DELETE SET NULL,
       ADD CONSTRAINT f2 FOREIGN KEY (grant_id, folder_id) REFERENCES folders (grant_id, id) ON DELETE SET DEFAULT,
       ADD CONSTRAINT f3 FOREIGN KEY (grant_id, folder_id) REFERENCES folders (grant_id, id) ON UPDATE CASCADE,
       ADD CONSTRAINT f4 FOREIGN KEY (grant_id, folder_id) REFERENCES folders (grant_id, id) ON DELETE CASCADE,
       ADD CONSTRAINT f5 FOREIGN KEY (grant_id, folder_id) REFERENCES folders (grant_id, id) ON DELETE RESTRICT`,
    ['f1 sets values on delete', 'f2 sets values on delete', 'f3 acts on update'],
  ],
  [
    'a foreign key between scoped tables that does not pair grant_id',
    `${SOUND}; ${WALL}; ALTER TABLE probe ADD other uuid,
       ADD CONSTRAINT f1 FOREIGN KEY (other, id) REFERENCES folders (grant_id, id)`,
    ['f1 does not pair grant_id'],
  ],
  [
    'a foreign key to its own table',
    `${SOUND}; ${WALL}; ALTER TABLE probe ADD parent text,
       ADD CONSTRAINT f1 FOREIGN KEY (grant_id, parent) REFERENCES probe (grant_id, id)`,
    ['f1 points to its own table'],
  ],
  [
    'a foreign key from a queue to a scoped table',
    `${QUEUE}; ALTER TABLE probe ADD CONSTRAINT f1 FOREIGN KEY (grant_id, message_id) REFERENCES messages (grant_id, id)`,
    ['f1 leads from queue to scoped'],
  ],
  [
    'a foreign key from a scoped table to a queue',
    `${SOUND}; ${WALL}; ALTER TABLE probe ADD CONSTRAINT f1 FOREIGN KEY (grant_id) REFERENCES leases (grant_id)`,
    ['f1 leads from scoped to queue'],
  ],
  [
    'a trigger',
    `${SOUND}; ${WALL}; CREATE TRIGGER stamp BEFORE UPDATE ON probe FOR EACH ROW
       EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
    ['trigger stamp'],
  ],
  ['a rule', `${SOUND}; ${WALL}; CREATE RULE quiet AS ON DELETE TO probe DO INSTEAD NOTHING`, ['rule quiet']],
  ['inheritance', `${SOUND}; ${WALL}; CREATE TABLE heir () INHERITS (probe)`, ['inheritance or partitions']],
  [
    'partitions',
    `CREATE TABLE probe (${COLUMNS}, PRIMARY KEY (grant_id, id)) PARTITION BY HASH (grant_id);
     COMMENT ON TABLE probe IS 'kind: scoped. A probe.'; ${WALL}`,
    ['inheritance or partitions'],
  ],
  [
    'an identity column',
    `${SOUND}; ${WALL}; ALTER TABLE probe ADD place bigint GENERATED BY DEFAULT AS IDENTITY`,
    ['identity column place'],
  ],
];

describe('a breach that is made on purpose', () => {
  it.each(BREACHES)('%s', async (_name, sql, found) => {
    await client.query('BEGIN');
    try {
      await client.query(sql);
      const said = (await brokenRules(client)).filter((line) => line.startsWith('probe: '));
      expect(said).toEqual(found.map((what) => `probe: ${what}`));
    } finally {
      await client.query('ROLLBACK');
    }
  });
});
