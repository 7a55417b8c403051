import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SECRET_COLUMNS } from '../../src/platform/secrets.ts';
import { breachesOf, type Kinds } from '../support/sql-rules.ts';
import { sqlOf } from '../support/sql-text.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const programs = globSync('src/**/*.ts', { cwd: ROOT })
  .filter((file) => !file.endsWith('.test.ts'))
  .map((file) => join(ROOT, file));
const migrations = globSync('src/**/*.sql', { cwd: ROOT })
  .sort()
  .map((file) => ({ file: join(ROOT, file), text: readFileSync(join(ROOT, file), 'utf8') }));

const kinds: Kinds = new Map(
  migrations.flatMap(({ text }) =>
    [...text.matchAll(/COMMENT ON TABLE (\w+) IS\s+'kind: (\w+)/g)].map(
      ([, table = '', kind = '']) => [table, kind] as const,
    ),
  ),
);

/** Statements that may break a rule, by file and a part of their text, with the reason. */
const EXCEPTIONS: { file: string; part: string; reason: string }[] = [
  {
    file: 'src/store/master-keys.ts',
    part: '«table»',
    reason: 'goes over the registry of secret columns, whose tables are reference tables (see below)',
  },
  {
    file: 'src/store/migrations/0003-search.sql',
    part: 'INSERT INTO message_search',
    reason: 'fills the table for all grants at once, each row from the message of the same grant',
  },
];

function statements() {
  const inMigrations = migrations.flatMap(({ file, text }) =>
    text
      .replace(/--[^\n]*/g, '')
      .split(';')
      .filter((sql) => /^\s*(WITH|SELECT|INSERT|UPDATE|DELETE|MERGE)\b/i.test(sql))
      .map((sql) => ({ file, sql })),
  );
  return [...sqlOf(programs), ...inMigrations].map(({ file, sql }) => ({ file: relative(ROOT, file), sql }));
}

describe('the SQL of the program', () => {
  const all = statements();

  it('is found', () => {
    expect(kinds.get('messages')).toBe('scoped');
    const scoped = all.filter(({ sql }) => /\b(messages|threads|folders|message_locations)\b/.test(sql));
    expect(scoped.length).toBeGreaterThan(40);
    // What is put together from constants is seen whole.
    expect(
      all.some(({ sql }) =>
        /SELECT m\.id[\s\S]*FROM message_search s[\s\S]*JOIN messages m ON m\.grant_id = \$2/.test(sql),
      ),
    ).toBe(true);
  });

  it('keeps the sharding rules 4 to 7', () => {
    const excused = (file: string, sql: string) =>
      EXCEPTIONS.some((e) => e.file === file && sql.includes(e.part));
    const broken = all
      .filter(({ file, sql }) => !excused(file, sql))
      .flatMap(({ file, sql }) => breachesOf(sql, kinds).map((what) => `${file}: ${what} in: ${sql}`));
    expect(broken).toEqual([]);
  });

  it('needs each of its exceptions, and holds to their reasons', () => {
    for (const { file, part } of EXCEPTIONS) {
      const meant = all.filter((s) => s.file === file && s.sql.includes(part));
      expect(meant.some(({ sql }) => breachesOf(sql, kinds).length > 0)).toBe(true);
    }
    for (const { table } of SECRET_COLUMNS) expect(kinds.get(table)).toBe('reference');
  });

  it('is told what went wrong by SQLSTATE, never by the name of a constraint', () => {
    for (const file of programs) {
      const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
      expect(code, file).not.toMatch(
        /\.constraint\b|\bconstraint\s*[=!]==|\{[^}\n]*\bconstraint\b[^}\n]*\}\s*=/,
      );
    }
  });
});

const BREACHES: [sql: string, found: string[]][] = [
  ['SELECT id FROM messages WHERE grant_id = $1 AND id = $2', []],
  ['SELECT id FROM messages WHERE id = $1', ['messages without grant_id = $n']],
  ['SELECT id FROM messages WHERE grant_id = ANY($1)', ['messages without grant_id = $n']],
  ['SELECT m.id FROM messages m WHERE grant_id = $1', ['messages without grant_id = $n']],
  [
    'SELECT m.id FROM messages m JOIN threads t ON t.id = m.thread_id WHERE m.grant_id = $1',
    ['threads without grant_id = $n'],
  ],
  [
    'SELECT m.id FROM messages m JOIN threads t ON t.grant_id = m.grant_id AND t.id = m.thread_id WHERE m.grant_id = $1',
    [],
  ],
  [
    'SELECT m.id FROM messages m JOIN threads t ON t.grant_id = m.grant_id WHERE m.id = $1',
    ['messages without grant_id = $n', 'threads without grant_id = $n'],
  ],
  [
    'SELECT id FROM threads WHERE grant_id = $1 AND id IN (SELECT thread_id FROM messages WHERE unread)',
    ['messages without grant_id = $n'],
  ],
  [
    'SELECT id FROM threads WHERE id IN (SELECT thread_id FROM messages WHERE grant_id = $1)',
    ['threads without grant_id = $n'],
  ],
  ['SELECT 1 FROM folders f, messages m WHERE f.grant_id = $1', ['messages without grant_id = $n']],
  ['DELETE FROM messages USING folders f WHERE messages.grant_id = $1', ['folders without grant_id = $n']],
  ['UPDATE messages SET unread = $2 WHERE id = $1', ['messages without grant_id = $n']],
  ['SELECT 1 FROM folders WHERE id = $1 FOR UPDATE SKIP LOCKED', ['folders without grant_id = $n']],
  ["UPDATE messages SET snippet = 'grant_id = $1'", ['messages without grant_id = $n']],
  ['UPDATE messages SET updated_at = now() WHERE grant_id = $1', ['a volatile function']],
  ['UPDATE messages SET updated_at = CURRENT_TIMESTAMP WHERE grant_id = $1', ['a volatile function']],
  ['INSERT INTO threads (application_id, grant_id, id) VALUES ($1, $2, $3)', []],
  [
    'INSERT INTO threads (application_id, grant_id, id) SELECT $1, g, $3 FROM unnest($2::uuid[]) AS u (g)',
    ['threads without grant_id = $n'],
  ],
  ['INSERT INTO threads (application_id, id) VALUES ($1, $2)', ['threads without grant_id = $n']],
  [
    'INSERT INTO threads (application_id, grant_id, id) VALUES ($1, $2, $3) ON CONFLICT (grant_id, id) DO UPDATE SET subject = (SELECT 1)',
    ['a subquery in an upsert'],
  ],
  [
    'INSERT INTO folders (application_id, grant_id, id) VALUES ($1, $2, $3) ON CONFLICT (grant_id, id) DO UPDATE SET updated_at = now()',
    ['a volatile function'],
  ],
  [
    'INSERT INTO folders (application_id, grant_id, id) VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT folders_pkey DO NOTHING',
    ['names a constraint'],
  ],
  ['MERGE INTO grants USING x ON true WHEN MATCHED THEN DELETE', ['MERGE']],
  ["SELECT set_config('a', 'b', true)", ['set_config']],
  [
    'SELECT (SELECT token FROM leases l WHERE l.grant_id = m.grant_id) FROM messages m WHERE m.grant_id = $1',
    ['scoped with queue'],
  ],
  // What stands outside of the wall is read together with what stands behind it.
  ['SELECT message_id FROM message_search WHERE grant_id = $1', ['message_search without messages']],
  [
    'SELECT 1 FROM message_search s JOIN messages m ON m.grant_id = s.grant_id WHERE s.grant_id = $1',
    ['message_search without messages'],
  ],
  [
    'SELECT 1 FROM message_search s JOIN messages m ON m.grant_id = s.grant_id AND m.id = s.message_id WHERE s.grant_id = $1',
    [],
  ],
  [
    'SELECT 1 FROM (SELECT s.message_id FROM message_search s WHERE s.grant_id = $1) f JOIN messages m ON m.grant_id = $1 AND m.id = f.message_id',
    [],
  ],
  ['DELETE FROM message_search WHERE grant_id = $1', ['message_search without messages']],
  ['UPDATE message_search SET version = 0 WHERE grant_id = $1', []],
  ['SELECT 1 FROM «table» WHERE id = $1', ['«table» without grant_id = $n']],
  // Reference tables and queues are free in this.
  ['UPDATE grants SET updated_at = now() WHERE id = $1', []],
  ['SELECT grant_id FROM leases FOR UPDATE SKIP LOCKED', []],
];

it.each(BREACHES)('a breach is found: %s', (sql, found) => {
  expect(breachesOf(sql, kinds)).toEqual(found);
});
