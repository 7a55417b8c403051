/**
 * Kills mailquay at its Nth fault point, starts it again, and lets the independent checker compare with Dovecot.
 * Scenarios share one Dovecot; each life of mailquay is a real process on a database of its own.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Snapshot } from '../support/checker/compare.ts';
import type { Checked } from '../support/checker/copy.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { Child } from '../support/child.ts';
import { engineSql, forgetLeases } from '../support/engine-sql.ts';
import { eventually, type TestMailquay } from '../support/mailquay.ts';

const USER = 'crash@mailquay.example';
/** A run that has not met its fault point by then has passed untouched, in ms. */
const UNTOUCHED_MS = 8_000;

interface Space {
  url: string;
  name: string;
}

export class CrashBench {
  readonly #server: string;
  readonly #dovecot: Dovecot;
  /** Databases from which each round starts: a grant that nobody has synced, and one that is in step. */
  #connected = '';
  #synced = '';
  #grantId = '';
  readonly #names: string[] = [];
  #mails = 0;

  private constructor(server: string, dovecot: Dovecot) {
    this.#server = server;
    this.#dovecot = dovecot;
  }

  static async open(mails: number): Promise<CrashBench> {
    const server = process.env.DATABASE_URL || process.env.MAILQUAY_TEST_DATABASE_URL;
    if (!server) throw new Error('no PostgreSQL: see test/support/shared-postgres.ts');
    const bench = new CrashBench(server, await startDovecot());
    await bench.#prepare(mails);
    return bench;
  }

  async close(): Promise<void> {
    for (const name of this.#names) await this.#admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await this.#dovecot.stop();
  }

  /** SY4: the first sync, killed at its Nth point. Returns the point, or null when the run passed untouched. */
  async firstSync(nth: number): Promise<string | null> {
    return this.#round(this.#connected, `sync.*:kill:${nth}`, async (space, child) => {
      await Promise.race([child.ended, this.#phase(space, 'live')]);
      await this.#again(space, child, async (checked) => {
        await expectInStep(checked, { ms: 60_000 });
        await this.#phase(space, 'live');
        const events = await checked.mailquay.sql<{ type: string; count: number }>(
          `SELECT type, count(*) AS count FROM events WHERE type LIKE 'message.%' OR type = 'grant.imap_sync_completed' GROUP BY type`,
        );
        // History makes no events, and the end of the first sync is told once.
        equal(events, [{ type: 'grant.imap_sync_completed', count: 1 }], 'events of the first sync');
      });
    });
  }

  /** Changes while mailquay runs, killed at its Nth point: every change is told, and once. */
  async liveSync(nth: number): Promise<string | null> {
    return this.#round(this.#synced, `*:kill:${nth}`, async (space, child) => {
      const before = await snapshot(this.#checked(space, child));
      await this.#changes();
      await Promise.race([child.ended, this.#quiet(space, child, before)]);
      await this.#again(space, child, (checked) => expectInStep(checked, { since: before, ms: 60_000 }));
    });
  }

  /** Changes through the API, killed at its Nth point: what the provider has accepted shows in the end, and is told once. */
  async apiChanges(nth: number): Promise<string | null> {
    return this.#round(this.#synced, `change.*:kill:${nth}`, async (space, child) => {
      await this.#inStepBefore(space, child);
      const before = await snapshot(this.#checked(space, child));
      await this.#callChanges(child, nth);
      await this.#again(space, child, (checked) => expectInStep(checked, { since: before, ms: 60_000 }));
    });
  }

  /** A grant is deleted, and the eraser is killed at its Nth point: in the end nothing of it is left. */
  async deletion(nth: number): Promise<string | null> {
    return this.#round(this.#synced, `erase.*:kill:${nth}`, async (space, child) => {
      const answer = await child.call('DELETE', `/v3/grants/${this.#grantId}`).catch(() => null);
      if (answer && answer.status !== 200) throw new Error(`DELETE answered ${answer.text}`);
      const erased = async () => {
        for (;;) {
          // The second pass comes a while later: let that while be over.
          await this.#sql(
            space,
            `UPDATE grant_erasures SET requested_at = requested_at - interval '1 minute'`,
          );
          const [left] = await this.#sql<{ rows: number }>(
            space,
            `SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM message_locations) + (SELECT count(*) FROM message_bodies)
               + (SELECT count(*) FROM threads) + (SELECT count(*) FROM thread_keys) + (SELECT count(*) FROM folders)
               + (SELECT count(*) FROM folder_cursors) + (SELECT count(*) FROM sync_states) + (SELECT count(*) FROM leases)
               + (SELECT count(*) FROM grants) + (SELECT count(*) FROM grant_erasures) AS rows`,
          );
          if (left?.rows === 0) return;
          await sleep(200);
        }
      };
      await Promise.race([child.ended, erased()]);
      await this.#again(space, child, () => within(30_000, erased(), 'the grant is not erased'));
    });
  }

  /** ST7: the migration of an empty database, killed at its Nth point; the next start carries on. */
  async migration(nth: number): Promise<string | null> {
    return this.#round(null, `migrate.*:kill:${nth}`, async (space, child) => {
      await child.ready();
      await this.#again(space, child, async ({ mailquay }) => {
        const { status } = await mailquay.get('/readyz');
        equal(status, 200, 'readiness');
        const rows = await mailquay.sql<{ name: string }>('SELECT name FROM migrations ORDER BY name');
        if (rows.length === 0) throw new Error('no migration is recorded');
      });
    });
  }

  async #prepare(mails: number): Promise<void> {
    await fillMaildir(this.#dovecot, USER, 'INBOX', mails, { seed: 4 });
    await fillMaildir(this.#dovecot, USER, 'Archive/2026', Math.ceil(mails / 5), { seed: 5 });
    // A grant whose sync hangs before it begins is a good beginning for all rounds.
    const space = await this.#space(null);
    const child = new Child(space.url, { fault: 'sync.before_claim:hang:1' });
    await child.ready();
    this.#grantId = await child.connect({ ...this.#dovecot.user(USER), port: this.#dovecot.imapPort });
    await child.kill();
    this.#connected = space.name;
    const synced = await this.#space(space.name);
    const other = new Child(synced.url);
    await other.ready();
    await this.#phase(synced, 'live');
    await expectInStep(this.#checked(synced, other));
    await other.kill();
    await forgetLeases(synced.url);
    this.#synced = synced.name;
  }

  async #round(
    template: string | null,
    fault: string,
    scenario: (space: Space, child: Child) => Promise<void>,
  ): Promise<string | null> {
    const space = await this.#space(template);
    const child = new Child(space.url, { fault });
    try {
      await child.ready();
      await scenario(space, child);
      return child.fault;
    } catch (error) {
      throw new Error(`${fault} (${child.fault ?? 'not met'}): ${(error as Error).message}\n${child.said()}`);
    } finally {
      await child.kill();
      await this.#admin(`DROP DATABASE ${space.name} WITH (FORCE)`);
    }
  }

  /** After a kill: what only time would do is done, and a new process takes over until `check` is content. */
  async #again(space: Space, killed: Child, check: (checked: Checked) => Promise<void>): Promise<void> {
    if (killed.running) {
      try {
        return await check(this.#checked(space, killed));
      } catch (error) {
        // Work that goes on meanwhile may meet the point only now.
        if (!killed.fault) throw error;
        await killed.ended;
      }
    }
    if (!killed.fault) throw new Error('mailquay ended by itself');
    await forgetLeases(space.url);
    const child = new Child(space.url);
    try {
      await child.ready();
      await check(this.#checked(space, child));
    } finally {
      await child.kill();
    }
  }

  async #phase(space: Space, phase: string): Promise<void> {
    await eventually(async () => {
      const [row] = await this.#sql<{ phase: string }>(space, 'SELECT phase FROM sync_states');
      if (row?.phase !== phase) throw new Error(`the sync is ${row?.phase ?? 'not begun'}`);
    }, 60_000);
  }

  /** A person with another mail program: new mail, flags, a move, a deletion. */
  async #changes(): Promise<void> {
    for (let n = 0; n < 3; n += 1) {
      this.#mails += 1;
      const raw = `Subject: live ${this.#mails}\r\nMessage-ID: <live-${this.#mails}@crash.example>\r\n\r\nhello\r\n`;
      await this.#dovecot.append(USER, 'INBOX', Buffer.from(raw));
    }
    const from = 5 + (this.#mails % 40);
    await this.#dovecot.doveadm('flags', 'add', '-u', USER, '\\Flagged', 'mailbox', 'INBOX', String(from));
    await this.#dovecot.doveadm('move', '-u', USER, 'Archive/2026', 'mailbox', 'INBOX', String(from + 1));
    await this.#dovecot.doveadm('expunge', '-u', USER, 'mailbox', 'INBOX', String(from + 2));
  }

  /** Each call of the API that changes a mailbox, until mailquay is killed. */
  async #callChanges(child: Child, nth: number): Promise<void> {
    const grant = `/v3/grants/${this.#grantId}`;
    const call = async <T>(method: string, path: string, body?: unknown): Promise<T | null> => {
      if (!child.running) return null;
      const answer = await child.call(method, `${grant}/${path}`, body).catch(() => null);
      // A killed process answers nothing; one that lives must not refuse.
      if (!answer) {
        await within(5_000, child.ended, 'mailquay does not answer, and lives');
        return null;
      }
      if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.text}`);
      return (answer.body as { data: T }).data;
    };
    const list = await call<{ id: string; thread_id: string }[]>(
      'GET',
      'messages?limit=200&select=id,thread_id',
    );
    const folders = await call<{ id: string; name: string }[]>('GET', 'folders');
    const archive = folders?.find((folder) => folder.name === 'Archive/2026')?.id;
    const [a, b, c] = (list ?? []).slice(20 + (nth % 40) * 3);
    if (!a || !b || !c || !archive) throw new Error('there is too little mail');
    await call('PUT', `messages/${a.id}`, { unread: true, starred: true });
    await call('PUT', `messages/${a.id}`, { unread: false, metadata: { key1: 'crash' } });
    await call('PUT', `messages/${b.id}`, { folders: [archive], starred: true });
    await call('DELETE', `messages/${c.id}`);
    await call('PUT', `threads/${a.thread_id}`, { starred: false });
    const made = await call<{ id: string }>('POST', 'folders', { name: `Made ${nth}` });
    if (!made) return;
    await call('PUT', `messages/${a.id}`, { folders: [made.id] });
    await call('PUT', `folders/${made.id}`, { name: `Renamed ${nth}` });
    await call('PUT', `messages/${a.id}`, { folders: [archive] });
    await call('DELETE', `folders/${made.id}`);
  }

  /** Rounds share one server: what the rounds before have changed there is taken in first. */
  async #inStepBefore(space: Space, child: Child): Promise<void> {
    await expectInStep(this.#checked(space, child), { ms: 60_000 });
  }

  /** In step, or long enough without meeting the fault point. */
  async #quiet(space: Space, child: Child, before: Snapshot): Promise<void> {
    await expectInStep(this.#checked(space, child), { since: before, ms: UNTOUCHED_MS }).catch(() => {});
  }

  #checked(space: Space, child: Child): Checked {
    const mailquay = {
      sql: <T>(text: string, values?: unknown[]) => this.#sql<T>(space, text, values),
      get: (path: string) => child.call('GET', path),
    } as unknown as TestMailquay;
    return { mailquay, dovecot: this.#dovecot, user: USER, grantId: this.#grantId };
  }

  #sql<T>(space: Space, text: string, values?: unknown[]): Promise<T[]> {
    return engineSql(space.url, text, values);
  }

  async #space(template: string | null): Promise<Space> {
    const name = `mailquay_crash_${randomUUID().replaceAll('-', '')}`;
    await this.#admin(`CREATE DATABASE ${name}${template ? ` TEMPLATE ${template}` : ''}`);
    this.#names.push(name);
    const url = new URL(this.#server);
    url.pathname = `/${name}`;
    return { url: url.href, name };
  }

  async #admin(statement: string): Promise<void> {
    // A process that was killed a moment ago may still hold its connections.
    await eventually(() => engineSql(this.#server, statement));
  }
}

function equal(is: unknown, should: unknown, what: string): void {
  if (JSON.stringify(is) !== JSON.stringify(should))
    throw new Error(`${what}: ${JSON.stringify(is)} for ${JSON.stringify(should)}`);
}

async function within<T>(ms: number, work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
