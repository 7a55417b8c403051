/** A mailbox of a million mails: a synced one of thousands, copied within the database until it is large enough. */
import pg from 'pg';

const ALL_APPLICATIONS = '00000000-0000-0000-0000-000000000000';
/** GIN indexes take ten times longer row by row: they are made anew afterwards. */
const SEARCH_INDEX = 'message_search_documents';

/** Columns that tell one copy from another; `n` is its number. What follows from others is left out. */
const CHANGED: Record<string, Record<string, string>> = {
  threads: { id: "id || '.' || n", created_order: "nextval('thread_order')" },
  thread_keys: {
    key: 'substr(sha256(key || n::text::bytea), 1, length(key))',
    thread_id: "thread_id || '.' || n",
  },
  messages: {
    id: "id || '.' || n",
    thread_id: "thread_id || '.' || n",
    // A second apart, so that copies lie among each other as mail does.
    date: 'date + n',
    fingerprint: 'sha256(fingerprint || n::text::bytea)',
    sha256: 'sha256(sha256 || n::text::bytea)',
    raw_object: 'NULL',
    raw_offset: 'NULL',
    raw_stored_at: 'NULL',
  },
  message_bodies: { message_id: "message_id || '.' || n" },
  message_locations: { message_id: "message_id || '.' || n", uid: 'uid + n * 10000000', date: 'date + n' },
  message_search: { message_id: "message_id || '.' || n", date: 'date + n' },
};

/** Makes the mailbox of the only grant `times` as large as it is. */
export async function multiply(database: pg.PoolConfig, times: number): Promise<void> {
  const client = new pg.Client({ ...database, application_name: 'bench' });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SELECT mailquay_enter('${ALL_APPLICATIONS}')`);
    await client.query("SET LOCAL maintenance_work_mem = '1GB'");
    const { rows } = await client.query('SELECT indexdef FROM pg_indexes WHERE indexname = $1', [
      SEARCH_INDEX,
    ]);
    await client.query(`DROP INDEX ${SEARCH_INDEX}`);
    for (const [table, changed] of Object.entries(CHANGED)) {
      const { rows: columns } = await client.query<{ name: string }>(
        `SELECT quote_ident(column_name) AS name FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER'`,
        [table],
      );
      const names = columns.map((column) => column.name);
      const values = names.map((name) => changed[name] ?? name);
      await client.query(
        `INSERT INTO ${table} (${names.join(', ')})
         SELECT ${values.join(', ')} FROM ${table}, generate_series(1, ${times - 1}) AS n`,
      );
    }
    await client.query(rows[0].indexdef);
    await client.query(
      `UPDATE folders SET total_count = total_count * ${times}, unread_count = unread_count * ${times}`,
    );
    await client.query('COMMIT');
    await client.query('VACUUM (ANALYZE)');
  } finally {
    await client.end();
  }
}

/** Bytes of the mail tables on disk, with their indexes, largest first. */
export async function bytesOnDisk(database: pg.PoolConfig): Promise<{ table: string; bytes: number }[]> {
  const client = new pg.Client(database);
  await client.connect();
  try {
    const { rows } = await client.query<{ table: string; bytes: string }>(
      `SELECT relname AS table, pg_total_relation_size(oid) AS bytes FROM pg_class
       WHERE relname = ANY($1) ORDER BY 2 DESC`,
      [Object.keys(CHANGED)],
    );
    return rows.map(({ table, bytes }) => ({ table, bytes: Number(bytes) }));
  } finally {
    await client.end();
  }
}
