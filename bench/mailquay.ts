import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { startServer } from '../src/cli/serve.ts';
import { readConfig } from '../src/platform/config.ts';

const API_KEY = 'bench_0123456789abcdef';

/** A mailquay with a data directory of its own, as `npm start` runs it. */
export interface BenchMailquay {
  origin: string;
  headers: Record<string, string>;
  database: pg.PoolConfig;
  /** Connects a mailbox on loopback and resolves when its first sync is complete. */
  sync(login: { username: string; password: string; port: number }): Promise<string>;
  get<T>(path: string): Promise<{ body: T; text: string }>;
  stop(): Promise<void>;
}

export async function startMailquay(): Promise<BenchMailquay> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'mailquay-bench-'));
  const server = await startServer(
    readConfig({
      MAILQUAY_DATA_DIR: dataDir,
      MAILQUAY_PORT: '0',
      MAILQUAY_API_KEY: API_KEY,
      MAILQUAY_ALLOW_PRIVATE_NETWORKS: 'true',
      // Counted as always, and never refused.
      MAILQUAY_GRANT_REQUESTS_PER_SECOND: '1000000',
      MAILQUAY_APPLICATION_REQUESTS_PER_SECOND: '1000000',
    }),
  );
  const { db, target } = server.instance.database;
  const headers = { authorization: `Bearer ${API_KEY}` };
  return {
    origin: server.origin,
    headers,
    database: target,
    sync: async ({ username, password, port }) => {
      const response = await fetch(`${server.origin}/v3/connect/custom`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({
          provider: 'imap',
          settings: {
            imap_username: username,
            imap_password: password,
            imap_host: '127.0.0.1',
            imap_port: port,
            imap_security: 'none',
          },
        }),
      });
      const { data } = (await response.json()) as { data: { id: string } };
      for (;;) {
        const rows = await db.engine((sql) =>
          sql.rows(`SELECT 1 FROM sync_states WHERE grant_id = $1 AND phase = 'live'`, [data.id]),
        );
        if (rows.length > 0) return data.id;
        await sleep(20);
      }
    },
    get: async (where) => {
      const text = await (await fetch(server.origin + where, { headers })).text();
      return { body: JSON.parse(text), text };
    },
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
