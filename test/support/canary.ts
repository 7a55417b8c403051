import type { Database } from '../../src/store/database.ts';

/** A secret as it might turn up: itself, escaped, encoded, and in the forms of SASL PLAIN (RFC 4616). */
export function formsOf(secret: string, user: string): string[] {
  const sasl = [`\0${user}\0${secret}`, `${user}\0${user}\0${secret}`];
  const plain = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
  const encoded = [secret, ...sasl].flatMap((text) => {
    const bytes = Buffer.from(text);
    // Without its end, which depends on what follows.
    return [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')].map((form) =>
      form.replace(/=+$/, '').slice(0, -2),
    );
  });
  return [...plain, ...encoded];
}

/** All that stands in the tables, each value in the spellings that a search may want. */
export async function dumpTables(db: Database): Promise<string> {
  return db.engine(async (sql) => {
    const tables = await sql.rows<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    let dump = '';
    for (const { name } of tables) {
      for (const row of await sql.rows<Record<string, unknown>>(`SELECT * FROM ${name}`)) {
        for (const value of Object.values(row)) {
          dump += Buffer.isBuffer(value)
            ? `${value.toString('latin1')} ${value.toString('hex')} ${value.toString('base64')}\n`
            : `${JSON.stringify(value)} ${String(value)}\n`;
        }
      }
    }
    return dump;
  });
}
