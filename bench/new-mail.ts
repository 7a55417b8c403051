/**
 * New mail: from the moment in which another IDLE client is told of it to the event that is committed. Dovecot tells two
 * sessions of one mailbox one after the other, now this and now that first, so the same is measured from the moment in
 * which mailquay's own connection is told.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapFlow } from 'imapflow';
import pg from 'pg';
import { type Dovecot, startDovecot } from '../testbed/dovecot.ts';
import { fillMaildir } from '../testbed/generate.ts';
import { startMailquay } from './mailquay.ts';
import { figure, percentile, type Result } from './result.ts';
import { toldLine } from './told.ts';

const USER = 'newmail@mailquay.example';
const PAUSE_MS = 100;
const WAIT_MS = 30_000;

/** Delivers mails, one after the other, to a mailbox in which there are `messages`. */
export async function newMail(messages: number, deliveries: number): Promise<Result[]> {
  const dovecot = await startDovecot();
  const mailquay = await startMailquay();
  const line = await toldLine(dovecot.imapPort);
  try {
    await fillMaildir(dovecot, USER, 'INBOX', messages);
    await mailquay.sync({ ...dovecot.user(USER), port: line.port });
    const idle = await idleClient(dovecot);
    const events = await committedEvents(mailquay.database);
    // The sync is idle too before the first mail comes.
    await sleep(3_000);
    const late: number[] = [];
    const own: number[] = [];
    for (let n = 0; n < deliveries; n += 1) {
      const [seen, committed] = [idle.next(), events.next()];
      await dovecot.append(USER, 'INBOX', Buffer.from(`Subject: new ${n}\r\n\r\nnew mail ${n}\r\n`));
      const at = await committed;
      own.push(at - line.last());
      late.push(at - (await seen));
      await sleep(PAUSE_MS);
    }
    idle.close();
    await events.close();
    const mails = `${deliveries} mails, mailbox of ${messages}`;
    return [
      ...latencies(`new mail to committed event, after an IDLE client was told, ${mails}`, late),
      ...latencies(`the same, after mailquay was told, ${mails}`, own),
    ];
  } finally {
    await mailquay.stop();
    line.close();
    await dovecot.stop();
  }
}

function latencies(what: string, ms: number[]): Result[] {
  ms.sort((a, b) => a - b);
  const result = (name: string, p: number, most: number): Result => ({
    what: `${what}, ${name}`,
    ours: figure(percentile(ms, p), 'ms'),
    reference: null,
    goal: { most },
  });
  return [result('p50', 0.5, 20), result('p99', 0.99, 150)];
}

/** Something that happens; `next` resolves with the time of the next one. */
class Moments {
  #waiting: ((at: number) => void) | null = null;

  happened(): void {
    this.#waiting?.(performance.now());
    this.#waiting = null;
  }

  next(): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a new mail was not told of')), WAIT_MS);
      this.#waiting = (at) => {
        clearTimeout(timer);
        resolve(at);
      };
    });
  }
}

async function idleClient(dovecot: Dovecot) {
  const { username, password } = dovecot.user(USER);
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: dovecot.imapPort,
    secure: false,
    doSTARTTLS: false,
    auth: { user: username, pass: password },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen('INBOX', { readOnly: true });
  const moments = new Moments();
  client.on('exists', () => moments.happened());
  void client.idle();
  return { next: () => moments.next(), close: () => client.close() };
}

/** PostgreSQL itself tells when a `message.created` has been committed. */
async function committedEvents(database: pg.PoolConfig) {
  const client = new pg.Client(database);
  await client.connect();
  await client.query(`CREATE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('bench_events', NEW.object_id); RETURN NULL; END $$`);
  await client.query(`CREATE TRIGGER bench_tell AFTER INSERT ON events FOR EACH ROW
    WHEN (NEW.type = 'message.created') EXECUTE FUNCTION bench_tell()`);
  await client.query('LISTEN bench_events');
  const moments = new Moments();
  client.on('notification', () => moments.happened());
  return { next: () => moments.next(), close: () => client.end() };
}
