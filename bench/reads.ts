/**
 * Reads and searches through the API: against a bare handler that returns the same bytes from one SQL query, and in a
 * mailbox of a million mails against one of thousands.
 */
import fastify from 'fastify';
import pg from 'pg';
import { startDovecot } from '../testbed/dovecot.ts';
import { fillMaildir } from '../testbed/generate.ts';
import { bytesOnDisk, multiply } from './large-mailbox.ts';
import { type Load, load } from './load.ts';
import { type BenchMailquay, startMailquay } from './mailquay.ts';
import { figure, type Result } from './result.ts';

const CONNECTIONS = 8;
const USER = 'reads@mailquay.example';
/** In ten mails of the small mailbox. */
const RARE = 'zyzzyva';

export interface ReadsSize {
  /** Mails that are synced, and how often they are multiplied for the large mailbox. */
  messages: number;
  times: number;
  /** Each figure is measured for so long. */
  seconds: number;
}

/** Measures lists, single messages and searches, and what a large mailbox takes on disk. */
export async function reads({ messages, times, seconds }: ReadsSize): Promise<Result[]> {
  const dovecot = await startDovecot();
  const mailquay = await startMailquay();
  try {
    await fillMaildir(dovecot, USER, 'INBOX', messages);
    for (let n = 0; n < 10; n += 1)
      await dovecot.append(USER, 'INBOX', Buffer.from(`Subject: a rare word ${n}\r\n\r\n${RARE}\r\n`));
    const grant = await mailquay.sync({ ...dovecot.user(USER), port: dovecot.imapPort });
    const paths = await pathsOf(mailquay, grant);
    const results: Result[] = [];
    const small = new Map<string, Load>();
    for (const [what, path] of paths) {
      const { ours, theirs } = await againstBare(mailquay, path, seconds);
      small.set(what, ours);
      results.push({
        what: `${what}, of ${messages} mails`,
        ours: figure(ours.perSecond, 'requests/s'),
        reference: {
          what: 'bare handler, one query, same bytes',
          figure: figure(theirs.perSecond, 'requests/s'),
        },
        goal: { ratio: 0.6 },
      });
    }
    const common = await commonWord(mailquay.database);
    await multiply(mailquay.database, times);
    const many = messages * times;
    for (const [what, path] of paths) {
      await load(mailquay.origin + path, mailquay.headers, CONNECTIONS, 2);
      const large = await load(mailquay.origin + path, mailquay.headers, CONNECTIONS, seconds);
      results.push({
        what: `${what}, p99 of ${many} mails`,
        ours: figure(large.p99, 'ms'),
        reference: { what: `the same of ${messages}`, figure: figure((small.get(what) as Load).p99, 'ms') },
        goal: { mostRatio: 1.3 },
      });
    }
    for (const [what, word, most] of [
      ['a rare word', RARE, 50],
      ['a common word', common, 150],
    ] as const) {
      const path = `${mailquay.origin}/v3/grants/${grant}/messages?limit=50&q=${encodeURIComponent(word)}`;
      await load(path, mailquay.headers, 1, 2);
      const { p50, p99 } = await load(path, mailquay.headers, 1, seconds);
      const name = `search for ${what} ("${word}") in ${many} mails`;
      results.push(
        { what: `${name}, p50`, ours: figure(p50, 'ms'), reference: null, goal: null },
        { what: `${name}, p99`, ours: figure(p99, 'ms'), reference: null, goal: { most } },
      );
    }
    const sizes = await bytesOnDisk(mailquay.database);
    const gigabytes = (bytes: number) => ((bytes / many) * 1e6) / 1e9;
    const all = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
    results.push({
      what: `on disk, a million mails (${sizes.map((s) => `${s.table} ${gigabytes(s.bytes).toFixed(2)}`).join(', ')})`,
      ours: figure(gigabytes(all), 'GB'),
      reference: null,
      goal: null,
    });
    return results;
  } finally {
    await mailquay.stop();
    await dovecot.stop();
  }
}

async function pathsOf(mailquay: BenchMailquay, grant: string): Promise<[what: string, path: string][]> {
  const list = `/v3/grants/${grant}/messages?limit=50`;
  const { body } = await mailquay.get<{ data: { id: string }[] }>(list);
  const middle = body.data[25] ?? body.data[0];
  return [
    ['list of 50 messages', list],
    ['one message with body', `/v3/grants/${grant}/messages/${middle?.id}`],
  ];
}

async function againstBare(
  mailquay: BenchMailquay,
  path: string,
  seconds: number,
): Promise<{ ours: Load; theirs: Load }> {
  const { text } = await mailquay.get(path);
  const bare = await bareServer(mailquay.database, text);
  try {
    const measure = async (url: string) => {
      await load(url, mailquay.headers, CONNECTIONS, 1);
      return load(url, mailquay.headers, CONNECTIONS, seconds);
    };
    return { ours: await measure(mailquay.origin + path), theirs: await measure(`${bare.origin}/`) };
  } finally {
    await bare.close();
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

/** A word of four letters or more that the most mails have, but not all. */
async function commonWord(database: pg.PoolConfig): Promise<string> {
  const client = new pg.Client(database);
  await client.connect();
  try {
    const { rows } = await client.query<{ word: string }>(
      `SELECT word FROM ts_stat('SELECT document FROM message_search LIMIT 2000')
       WHERE word ~ '^[a-z]{4,}$' AND ndoc BETWEEN 200 AND 1200 ORDER BY ndoc DESC LIMIT 1`,
    );
    if (!rows[0]) throw new Error('no word of the generated mails is common enough');
    return rows[0].word;
  } finally {
    await client.end();
  }
}
