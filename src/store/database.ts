import pg from 'pg';

/** One open transaction, or anything else that runs SQL. */
export interface Sql {
  /** Runs one statement, prepared under a name of its own, and returns its rows. */
  rows<T>(text: string, values?: unknown[]): Promise<T[]>;
  /** Runs one statement that is planned for these very values; for texts that are made from what is asked. */
  fresh<T>(text: string, values: unknown[]): Promise<T[]>;
  /** Runs one statement and returns how many rows it touched. */
  run(text: string, values?: unknown[]): Promise<number>;
}

/** Where the database is: a connection string, or the socket of the embedded server. */
export type DatabaseTarget = pg.PoolConfig;

/** The application id under which the engine works: row-level security shows it everything. */
const ENGINE = '00000000-0000-0000-0000-000000000000';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Connections of one process; PostgreSQL's default of 100 leaves room for several processes. */
const POOL_SIZE = 16;
/** How long a caller waits for a free connection before it is told that the database is busy, in ms. */
const POOL_WAIT_MS = 5_000;

// bigint comes back as a number: UIDs, sizes and unix seconds all stay below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * The door to PostgreSQL. Every statement runs inside a transaction that has entered one application
 * (or the engine's view of all), so that row-level security stands behind each `WHERE`.
 */
export class Database {
  readonly pool: pg.Pool;
  readonly #statementNames = new Map<string, string>();

  constructor(target: DatabaseTarget) {
    this.pool = new pg.Pool({
      max: POOL_SIZE,
      connectionTimeoutMillis: POOL_WAIT_MS,
      idleTimeoutMillis: 30_000,
      application_name: 'mailquay',
      ...target,
    });
    // A connection that dies while idle is replaced by the pool; the next query reports what matters.
    this.pool.on('error', () => {});
    // One that dies while a transaction holds it, too: the next statement fails, and nobody else must.
    this.pool.on('connect', (client) => client.on('error', () => {}));
  }

  /** A transaction that sees one application only. */
  tenant<T>(applicationId: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#transaction(applicationId, work);
  }

  /** A transaction of the engine, which sees every application and must scope each statement itself. */
  engine<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#transaction(ENGINE, work);
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async #transaction<T>(applicationId: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    if (!UUID.test(applicationId)) throw new Error('not an application id');
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query(`BEGIN; SELECT mailquay_enter('${applicationId}')`);
      const result = await work(this.#sql(client));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      try {
        await client.query('ROLLBACK');
      } catch (rollbackError) {
        broken = rollbackError as Error;
      }
      throw error;
    } finally {
      client.release(broken);
    }
  }

  #sql(client: pg.PoolClient): Sql {
    const query = (text: string, values: unknown[] = []) =>
      client.query({ name: this.#nameOf(text), text, values });
    return {
      rows: async <T>(text: string, values?: unknown[]) => (await query(text, values)).rows as T[],
      fresh: async <T>(text: string, values: unknown[]) => (await client.query(text, values)).rows as T[],
      run: async (text, values) => (await query(text, values)).rowCount ?? 0,
    };
  }

  #nameOf(text: string): string {
    let name = this.#statementNames.get(text);
    if (!name) {
      name = `q${this.#statementNames.size + 1}`;
      this.#statementNames.set(text, name);
    }
    return name;
  }
}
