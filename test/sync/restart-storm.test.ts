/**
 * SY10: a server that kicks everybody and stays away, or that takes logins and then ends each session: many grants come
 * back spread over time, never faster than a server can bear, and all recover. `STORM_GRANTS=500` is the long form.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { eventually, startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { mail } from '../support/scripted-truth.ts';

const GRANTS = Number(process.env.STORM_GRANTS ?? 40);
/** Connected at the same time. */
const AT_ONCE = 8;
/** How long the server stays away, in ms. */
const AWAY_MS = 6_000;
/**
 * Connections in any one second, at most: twenty sessions begin, a session has up to three connections, and the
 * ends of a second are not ours.
 */
const MOST_PER_SECOND = 66;
/** Grants at a server that ends each session for so long, in ms: so few that nothing but their own back-off holds them. */
const FEW = 20;
const HOPELESS_MS = 8_000;
/** The back-off doubles from 1 s; if it did not, each would try once a second or more often. */
const MOST_HOPELESS_LOGINS = 6;

vi.setConfig({ testTimeout: 120_000 + GRANTS * 1_000, hookTimeout: 120_000 + GRANTS * 1_000 });

describe(`${GRANTS} grants at one server`, () => {
  let mailquay: TestMailquay;
  let server: ScriptedImap;
  /** When connections came, in ms. */
  const came: number[] = [];
  let away = false;
  let all: string[];
  beforeAll(async () => {
    server = await startScriptedImap();
    server.on('GREETING', (exchange) => {
      came.push(performance.now());
      return away ? exchange.cut() : exchange.pass();
    });
    // As an operator has it, but for the poll: a thousand times a minute would be all that the server does.
    mailquay = await startMailquay({ timings: { backoff: 1_000, poll: 30_000, reconcile: 3_600_000 } });
    all = await connectAll(server, 'storm', GRANTS);
    await eventually(async () => expect(await inStep(all)).toBe(GRANTS), 60_000 + GRANTS * 500);
  });
  afterAll(async () => {
    await mailquay?.stop();
    await server?.stop();
  });

  /** Connects so many mailboxes; returns their grants. */
  const connectAll = async ({ port }: ScriptedImap, name: string, many: number) => {
    const grants: string[] = [];
    for (let n = 0; n < many; n += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, many - n) }, (_, i) => `${name}${n + i}`);
      const connected = some.map((username) => mailquay.connect({ username, password: 'pass', port }));
      grants.push(...(await Promise.all(connected)));
    }
    return grants;
  };
  const count = async (statement: string, ...values: unknown[]) => {
    const [row] = await mailquay.sql<{ n: number }>(statement, values);
    return row?.n ?? 0;
  };
  /** Grants that are held by a sync which has succeeded. */
  const inStep = (grants: string[]) =>
    count(
      `SELECT count(*) AS n FROM leases l JOIN sync_states s ON s.grant_id = l.grant_id
       WHERE s.phase = 'live' AND l.failures = 0 AND l.expires_at > now()
         AND l.grant_id = ANY($1)`,
      grants,
    );
  const told = (subject: string) =>
    count(
      `SELECT count(*) AS n FROM events e JOIN messages m ON m.grant_id = e.grant_id AND m.id = e.object_id
       WHERE e.type = 'message.created' AND m.subject = $1`,
      subject,
    );
  /** Most connections in any second since a moment. */
  const busiestSecond = (since: number) => {
    const times = came.filter((time) => time >= since);
    return Math.max(0, ...times.map((time) => times.filter((t) => t >= time && t < time + 1_000).length));
  };

  test('kicked by a server that goes away: they come back by turns, and all of them', async ({
    annotate,
  }) => {
    const began = performance.now();
    away = true;
    server.cutAll();
    await sleep(AWAY_MS);
    const tried = came.filter((time) => time >= began).length;
    server.deliver('INBOX', mail('back again'));
    away = false;
    const back = performance.now();
    await eventually(async () => expect(await told('mail back again')).toBe(GRANTS), 60_000 + GRANTS * 200);
    await eventually(async () => expect(await inStep(all)).toBe(GRANTS), 30_000);
    const busiest = busiestSecond(began);
    await annotate(
      `${tried} connections while it was away, ${busiest} in the busiest second, all told after ${Math.round(performance.now() - back)} ms`,
    );
    expect(busiest).toBeLessThanOrEqual(MOST_PER_SECOND);
    // Spread out: no tenth of a second has more than a few times its share.
    const tenths = Map.groupBy(
      came.filter((time) => time >= began),
      (time) => Math.floor(time / 100),
    );
    expect(Math.max(...[...tenths.values()].map((times) => times.length))).toBeLessThan(MOST_PER_SECOND / 3);
    expect(await told('mail back again')).toBe(GRANTS);
  });

  test('a server that takes logins and then says BYE is asked ever more rarely, until a sync succeeds', async ({
    annotate,
  }) => {
    const rude = await startScriptedImap();
    try {
      const grants = await connectAll(rude, 'rude', FEW);
      await eventually(async () => expect(await inStep(grants)).toBe(FEW), 60_000);
      const logins = () => rude.commands.filter((line) => /^(LOGIN|AUTHENTICATE)/.test(line)).length;
      const off = rude.on('LIST', (exchange) => exchange.bye('come back later'));
      const before = logins();
      rude.cutAll();
      await sleep(HOPELESS_MS);
      const hopeless = logins() - before;
      const failures = await count(
        'SELECT avg(failures)::float8 AS n FROM leases WHERE grant_id = ANY($1)',
        grants,
      );
      await annotate(
        `${hopeless} logins of ${FEW} grants in ${HOPELESS_MS} ms; each has failed ${failures} times on average`,
      );
      // A login that was accepted starts nothing over.
      expect(failures).toBeGreaterThan(1);
      expect(hopeless).toBeLessThan(FEW * MOST_HOPELESS_LOGINS);
      off();
      rude.deliver('INBOX', mail('patience'));
      await eventually(async () => expect(await told('mail patience')).toBe(FEW), 90_000);
      // The back-off is over only now.
      await eventually(async () => expect(await inStep(grants)).toBe(FEW), 30_000);
      expect(await count(`SELECT count(*) AS n FROM grants WHERE status = 'invalid'`)).toBe(0);
    } finally {
      await rude.stop();
    }
  });
});
