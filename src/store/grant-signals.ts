import pg from 'pg';
import type { DatabaseTarget, Sql } from './database.ts';

const CHANNEL = 'mailquay_grants';
const LOOK_CHANNEL = 'mailquay_looks';
/** A listener whose connection broke tries again after this long, in ms; meanwhile the slow poll finds what is new. */
const RETRY_MS = 2_000;

/** Tells every process, at commit, that a grant is new, has new credentials, or is gone. */
export async function signalGrant(sql: Sql, grantId: string): Promise<void> {
  await sql.run('SELECT pg_notify($1, $2)', [CHANNEL, grantId]);
}

/** Asks, at commit, whoever syncs a grant to look at its mailbox now. */
export async function signalLook(sql: Sql, grantId: string): Promise<void> {
  await sql.run('SELECT pg_notify($1, $2)', [LOOK_CHANNEL, grantId]);
}

/** What a process does when it is told of a grant. */
export interface GrantSignals {
  changed(grantId: string): void;
  look(grantId: string): void;
}

/** Hears of changed grants until it is stopped, over a connection of its own. */
export class GrantListener {
  readonly #target: DatabaseTarget;
  readonly #signals: GrantSignals;
  #client: pg.Client | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(target: DatabaseTarget, signals: GrantSignals) {
    this.#target = target;
    this.#signals = signals;
  }

  /** Resolves when it listens; a broken connection is replaced by itself. */
  async start(): Promise<void> {
    if (this.#stopped) return;
    const client = new pg.Client({ ...this.#target, application_name: 'mailquay listener' });
    this.#client = client;
    let broken = false;
    const again = () => {
      if (broken || this.#stopped) return;
      broken = true;
      client.end().catch(() => {});
      this.#timer = setTimeout(() => void this.start(), RETRY_MS);
    };
    client.on('error', again);
    client.on('end', again);
    client.on('notification', ({ channel, payload }) => {
      if (!payload) return;
      if (channel === LOOK_CHANNEL) this.#signals.look(payload);
      else this.#signals.changed(payload);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}; LISTEN ${LOOK_CHANNEL}`);
    } catch {
      again();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => {});
  }
}
