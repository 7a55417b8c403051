import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pageOfMessages } from '../../src/http/content/messages.ts';
import { grantKey, subjectKeys, weekKey, weekOf } from '../../src/mail/search/keys.ts';
import { WORD_RULES } from '../../src/mail/search/words.ts';
import { migrate } from '../../src/store/migrate.ts';
import { addApplication, addMailbox, type FixtureMailbox } from '../support/fixture.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let client: pg.Client;
let box: FixtureMailbox;

beforeAll(async () => {
  database = await openTestDatabase();
  client = new pg.Client(database.target);
  await client.connect();
  const { id } = await addApplication(database.db, 'one');
  box = await addMailbox(database.db, id, 'me@example.com', [
    {
      id: 'plain',
      subject: 'Quarterly REPORT',
      date: 1_700_000_000,
      from: [{ email: 'Ada@Example.org' }],
      cc: [{ email: 'c@x.example' }],
      metadata: { key1: 'a' },
    },
    { id: 'odd', subject: '', to: [{ email: 'x'.repeat(5_000) }], date: -5 },
  ]);
  // As it was before the migration.
  await client.query(`
    DROP TABLE message_search;
    DROP INDEX messages_unread, messages_starred, messages_with_attachment, message_locations_unread,
      threads_unread, threads_starred, threads_with_attachments;
    ALTER TABLE messages DROP COLUMN metadata_key1, DROP COLUMN metadata_key2, DROP COLUMN metadata_key3,
      DROP COLUMN metadata_key4, DROP COLUMN metadata_key5;
    DELETE FROM migrations WHERE name IN ('0003-search.sql', '0007-ranking.sql')`);
  expect(await migrate(client)).toEqual(['0003-search.sql', '0007-ranking.sql']);
});
afterAll(async () => {
  await client?.end();
  await database?.close();
});

const lexemes = async (id: string) => {
  const { rows } = await client.query(
    'SELECT tsvector_to_array(document) AS words, version FROM message_search WHERE grant_id = $1 AND message_id = $2',
    [box.grantId, id],
  );
  expect(rows[0].version).toBe(0);
  return new Set<string>(rows[0].words);
};

it('gives mail that is there already the keys that new mail gets', async () => {
  expect(await lexemes('plain')).toEqual(
    new Set([
      grantKey(box.grantId),
      weekKey(box.grantId, weekOf(1_700_000_000)),
      ...subjectKeys('quarterly report'),
      'f:ada@example.org',
      't:me@example.com',
      'c:c@x.example',
    ]),
  );
  expect(await lexemes('odd')).toEqual(
    new Set([grantKey(box.grantId), weekKey(box.grantId, -1), 'f:ada@example.org']),
  );
});

it('lets it be filtered at once', async () => {
  const { applicationId, grantId } = box;
  const scope = { applicationId, grantId };
  for (const filter of [
    { from: ['ada@example.org'], cc: ['C@x.example'] },
    { subject: 'terly rep' },
    { metadata: [{ key: 'key1' as const, value: 'a' }] },
  ]) {
    const page = await database.db.tenant(applicationId, (sql) =>
      pageOfMessages(sql, scope, filter, null, null, 10),
    );
    expect(page.rows.map((row) => row.id)).toEqual(['plain']);
  }
});

it('looks for old documents by an index that knows the word rules of today', async () => {
  const { rows } = await client.query(`SELECT pg_get_expr(indpred, indrelid) AS predicate FROM pg_index
    WHERE indexrelid = 'message_search_stale'::regclass`);
  expect(rows[0].predicate).toBe(`(version < ${WORD_RULES})`);
});
