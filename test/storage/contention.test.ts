/**
 * ST8: PostgreSQL undoes transactions for the sake of others (40P01 deadlock_detected, 40001 serialization_failure).
 * One writing statement in twenty does so, and some commits: it is tried again, or the caller is told to come again,
 * and nothing is done by half.
 */
import { expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { ApiUser } from '../converge/api-user.ts';
import type { Checked } from '../support/checker/copy.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { engineSql } from '../support/engine-sql.ts';
import type { TestMailquay } from '../support/mailquay.ts';
import { RandomUser } from '../support/random-user.ts';
import { startedForTests } from '../support/started.ts';
import { watchedCall } from './watched-call.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

const USER = 'contention@mailquay.example';
const STEPS = Number(process.env.CONTENTION_STEPS ?? 15);
/** Of a hundred statements that write, and of a hundred events whose commit is refused. */
const UNLUCKY_STATEMENTS = 5;
const UNLUCKY_COMMITS = 2;

/**
 * Makes statements fail as PostgreSQL itself would: by chance, from a seed, and no two tries alike. A sequence counts
 * them, because it is the one thing that a rollback leaves.
 */
const bringBadLuck = `
  CREATE SEQUENCE chances;
  CREATE SEQUENCE bad_luck;
  CREATE FUNCTION fail_by_chance() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE chance bigint := nextval('chances');
  BEGIN
    IF abs(hashint8extended(chance, 2026) % 100) < TG_ARGV[0]::int THEN
      PERFORM nextval('bad_luck');
      IF chance % 2 = 0 THEN RAISE deadlock_detected; ELSE RAISE serialization_failure; END IF;
    END IF;
    RETURN NULL;
  END $$;
  DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations' LOOP
      EXECUTE format('CREATE TRIGGER fail_by_chance AFTER INSERT OR UPDATE OR DELETE ON %I
        FOR EACH STATEMENT EXECUTE FUNCTION fail_by_chance(${UNLUCKY_STATEMENTS})', name);
    END LOOP;
  END $$;
  CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fail_by_chance(${UNLUCKY_COMMITS});`;

describeWithTestbed('transactions that PostgreSQL undoes', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  test('first sync, mail, changes by others and through the API: tried again, and in step', async ({
    annotate,
  }) => {
    await engineSql(mailquay.config.databaseUrl as string, bringBadLuck);
    await fillMaildir(dovecot, USER, 'INBOX', 600, { seed: 1, unread: 0.5 });
    await fillMaildir(dovecot, USER, 'Archive', 60, { seed: 2 });
    const grantId = await mailquay.connect({ ...dovecot.user(USER), port: dovecot.imapPort });
    const checked: Checked = { mailquay, dovecot, user: USER, grantId };
    await mailquay.synced(grantId);
    await expectInStep(checked);
    const since = await snapshot(checked);
    const bad: string[] = [];
    const answers: number[] = [];
    const call = watchedCall((method, path, body) => request(method, path, body), bad);
    const counted: typeof call = async (method, path, body) => {
      const answer = await call(method, path, body);
      answers.push(answer?.status ?? 503);
      return answer;
    };
    const person = new RandomUser(dovecot, USER, randomFrom(21));
    const api = new ApiUser(counted, grantId, randomFrom(22));
    await Promise.all([person.act(STEPS), api.act(STEPS)]);
    await expectInStep(checked, { since, ms: 60_000 });
    expect(bad).toEqual([]);
    const [luck] = await mailquay.sql<{ bad: number; all: number }>(
      'SELECT b.last_value AS bad, c.last_value AS all FROM bad_luck b, chances c',
    );
    const refused = answers.filter((status) => status === 503).length;
    await annotate(
      `${luck?.bad} of ${luck?.all} chances were bad luck; ${refused} of ${answers.length} calls were told to come again`,
    );
    expect(luck?.bad).toBeGreaterThan(20);
    // Five tries each: that all of them fail is rare.
    expect(refused).toBeLessThan(answers.length / 5);
  });

  const request = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(mailquay.origin + path, {
      method,
      headers: {
        authorization: `Bearer ${mailquay.apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as unknown, text };
  };
});
