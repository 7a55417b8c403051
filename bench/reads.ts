/** Reads through the API against a bare handler that returns the same bytes from one SQL query. */
import fastify from 'fastify';
import pg from 'pg';
import { startDovecot } from '../testbed/dovecot.ts';
import { fillMaildir } from '../testbed/generate.ts';
import { startMailquay } from './mailquay.ts';
import type { Result } from './result.ts';

const CONNECTIONS = 8;

/** Measures with a grant of `messages` mails, for `seconds` each. */
export async function reads(messages: number, seconds: number): Promise<Result[]> {
  const dovecot = await startDovecot();
  const mailquay = await startMailquay();
  try {
    const login = { ...dovecot.user('reads@mailquay.example'), port: dovecot.imapPort };
    await fillMaildir(dovecot, 'reads@mailquay.example', 'INBOX', messages);
    const grant = await mailquay.sync(login);
    const list = `/v3/grants/${grant}/messages?limit=50`;
    const { body } = await mailquay.get<{ data: { id: string }[] }>(list);
    const one = `/v3/grants/${grant}/messages/${body.data[0]?.id}`;
    const results: Result[] = [];
    for (const [what, path] of [
      ['list of 50 messages', list],
      ['one message with body', one],
    ] as const) {
      const { text } = await mailquay.get(path);
      const bare = await bareServer(mailquay.database, text);
      try {
        const { headers } = mailquay;
        await load(mailquay.origin + path, headers, 1);
        const ours = await load(mailquay.origin + path, headers, seconds);
        const theirs = await load(`${bare.origin}/`, headers, seconds);
        results.push({
          what,
          unit: 'requests/s',
          ours,
          reference: 'one query, bare handler, same bytes',
          theirs,
        });
      } finally {
        await bare.close();
      }
    }
    return results;
  } finally {
    await mailquay.stop();
    await dovecot.stop();
  }
}

async function bareServer(target: pg.PoolConfig, bytes: string) {
  const pool = new pg.Pool({ ...target, max: CONNECTIONS });
  await pool.query('CREATE TABLE IF NOT EXISTS bench_bytes (id int PRIMARY KEY, bytes text NOT NULL)');
  await pool.query(
    'INSERT INTO bench_bytes VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes',
    [bytes],
  );
  const app = fastify();
  app.get('/', async (_request, reply) => {
    const { rows } = await pool.query({
      name: 'bytes',
      text: 'SELECT bytes FROM bench_bytes WHERE id = $1',
      values: [1],
    });
    return reply.header('content-type', 'application/json; charset=utf-8').send(rows[0].bytes);
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    origin,
    close: async () => {
      await app.close();
      await pool.query('DROP TABLE bench_bytes');
      await pool.end();
    },
  };
}

/** Requests per second over some connections that each ask again as soon as they are answered. */
async function load(url: string, headers: Record<string, string>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let count = 0;
  const worker = async () => {
    while (performance.now() < end) {
      const response = await fetch(url, { headers: { ...headers, 'accept-encoding': 'identity' } });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`${url} answered ${response.status}`);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return count / seconds;
}
