import pg from 'pg';
import type { DatabaseTarget, Sql } from './database.ts';

/**
 * What processes tell each other at commit, with an id: a grant is new, has new credentials or is gone; whoever syncs a
 * grant should look at its mailbox now; an API key was revoked.
 */
type Channel = 'mailquay_grants' | 'mailquay_looks' | 'mailquay_api_keys';

/** A listener whose connection broke tries again after this long, in ms; meanwhile the slow ways find what is new. */
const RETRY_MS = 2_000;

export async function signal(sql: Sql, channel: Channel, id: string): Promise<void> {
  await sql.run('SELECT pg_notify($1, $2)', [channel, id]);
}

/** Hears signals until it is stopped, over a connection of its own. */
export class SignalListener {
  readonly #target: DatabaseTarget;
  readonly #handlers: Record<Channel, (id: string) => void>;
  #client: pg.Client | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(target: DatabaseTarget, handlers: Record<Channel, (id: string) => void>) {
    this.#target = target;
    this.#handlers = handlers;
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
    client.on(
      'notification',
      ({ channel, payload }) => payload && this.#handlers[channel as Channel](payload),
    );
    try {
      await client.connect();
      for (const channel of Object.keys(this.#handlers)) await client.query(`LISTEN ${channel}`);
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
