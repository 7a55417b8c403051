import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** One open transaction, or anything else that runs SQL. What is asked without waiting in between travels together. */
export interface Sql {
  /** Runs one statement, prepared and planned once for whatever values come, and returns its rows. */
  rows<T>(text: string, values?: unknown[]): Promise<T[]>;
  /** Runs one statement that is planned for these very values; for texts that are made from what is asked. */
  fresh<T>(text: string, values: unknown[]): Promise<T[]>;
  /** As `rows`, and returns how many rows it touched. */
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

/**
 * A plan for whatever values come is as good for all that is read by key, and to make one takes longer than to follow
 * it; left to itself, PostgreSQL makes one each time for a list of keys. SET LOCAL, as connections may be pooled behind us.
 */
const PLANNED_ONCE = 'SET LOCAL plan_cache_mode = force_generic_plan';
const PLANNED_ANEW = 'SET LOCAL plan_cache_mode = force_custom_plan';

/**
 * A process that stalls with a transaction open must not keep others from its rows, and from its leases above all, for
 * longer than a lease lasts: PostgreSQL ends its session after this, in ms. No work of ours waits for anything but SQL.
 */
const MAX_STALL_MS = 15_000;
const ENDS_WHEN_STALLED = `SET LOCAL idle_in_transaction_session_timeout = ${MAX_STALL_MS}`;

/**
 * SQLSTATEs that ask for another try: the transaction was undone for the sake of another (40001, 40P01); 25P02 is what
 * statements get that had been sent behind the one that was.
 */
const UNDONE = new Set(['40001', '40P01', '25P02']);
const MAX_TRIES = 5;
/** Before the second try, at most; doubles each time, in ms. */
const TRY_AGAIN_MS = 20;

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
      pipeline: true,
      ...target,
    });
    // A connection that dies while idle is replaced by the pool; the next query reports what matters.
    this.pool.on('error', () => {});
    // One that dies while a transaction holds it, too: the next statement fails, and nobody else must.
    this.pool.on('connect', (client) => client.on('error', () => {}));
  }

  /**
   * A transaction that sees one application only. As all of these, it is tried again when PostgreSQL has undone it for
   * the sake of another: `work` changes nothing but the database.
   */
  tenant<T>(applicationId: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    return untilDone(() => this.#transaction(applicationId, work));
  }

  /**
   * Reads of one application. What is asked in one go is a transaction of its own, begun, asked and ended in one write to
   * the socket: under READ COMMITTED each statement has a snapshot of its own anyway.
   */
  async read<T>(applicationId: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    const begin = beginning('READ ONLY', applicationId);
    return untilDone(async () => {
      const client = await this.pool.connect();
      try {
        return await work(this.#sql(inGoes(client, { begin, end: 'COMMIT' })));
      } finally {
        client.release();
      }
    });
  }

  /** A transaction of the engine, which sees every application and must scope each statement itself. */
  engine<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return untilDone(() => this.#transaction(ENGINE, work));
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async #transaction<T>(applicationId: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    const begin = `${beginning('READ WRITE', applicationId)}; ${ENDS_WHEN_STALLED}`;
    const client = await this.pool.connect();
    const ask = inGoes(client);
    // Travels with the first statement. Should it fail, row-level security shows that one nothing and lets it write nothing.
    const begun = ask(begin);
    begun.catch(() => {}); // told below
    let broken: Error | undefined;
    try {
      const result = await work(this.#sql(ask));
      await begun;
      // PostgreSQL answers ROLLBACK, and no error, when a statement before it had failed.
      const { command } = await ask('COMMIT');
      if (command !== 'COMMIT')
        throw new Error('nothing was committed: a statement of the transaction had failed');
      return result;
    } catch (error) {
      const reason = await begun.then(
        () => error,
        (first) => first,
      );
      await ask('ROLLBACK').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
      throw reason;
    } finally {
      client.release(broken);
    }
  }

  #sql(ask: Ask): Sql {
    const named = (text: string, values: unknown[] = []) => ask({ name: this.#nameOf(text), text, values });
    return {
      rows: async <T>(text: string, values?: unknown[]) => (await named(text, values)).rows as T[],
      fresh: async <T>(text: string, values: unknown[]) => {
        const [, answer] = await Promise.all([ask(PLANNED_ANEW), ask({ text, values }), ask(PLANNED_ONCE)]);
        return answer.rows as T[];
      },
      run: async (text, values) => (await named(text, values)).rowCount ?? 0,
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

async function untilDone<T>(transaction: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (tries === MAX_TRIES || !UNDONE.has((error as { code?: string }).code ?? '')) throw error;
      // By chance, so that two that were in each other's way do not meet again.
      await sleep(Math.random() * TRY_AGAIN_MS * 2 ** (tries - 1));
    }
  }
}

function beginning(mode: 'READ ONLY' | 'READ WRITE', applicationId: string): string {
  if (!UUID.test(applicationId)) throw new Error('not an application id');
  return `BEGIN ${mode}; SET LOCAL mailquay.application_id = '${applicationId}'; ${PLANNED_ONCE}`;
}

type Ask = (query: string | pg.QueryConfig) => Promise<pg.QueryResult>;

/**
 * Asks without waiting for earlier answers; all that is asked in one go leaves in one write to the socket, if wanted
 * between a beginning and an end.
 */
function inGoes(client: pg.PoolClient, around?: { begin: string; end: string }): Ask {
  const { stream } = client.connection;
  // Should one of the two fail, so do the statements in between.
  const quietly = (query: string | undefined) => query && client.query(query).catch(() => {});
  let gathering = false;
  return (query) => {
    if (!gathering) {
      gathering = true;
      stream.cork();
      quietly(around?.begin);
      queueMicrotask(() => {
        gathering = false;
        quietly(around?.end);
        stream.uncork();
      });
    }
    return client.query(query);
  };
}
