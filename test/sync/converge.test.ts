/**
 * Random changes at the server, at any moment and with any set of capabilities, must end with store, API and events
 * in step. `npm run converge` plays many more rounds.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { round } from '../converge/round.ts';
import { SERVERS } from '../converge/servers.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { inFreshDatabase } from '../support/engine-sql.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { RandomUser } from '../support/random-user.ts';

const STEPS = 6;
const SEED = 181_946_593;
const ROUND_MS = 60_000;

describeWithTestbed('converge', () => {
  let mailquay: TestMailquay;
  beforeAll(async () => {
    mailquay = await startMailquay();
  });
  afterAll(() => mailquay?.stop());

  test('with the API, a kill and everything at once', { timeout: ROUND_MS * 4 }, () =>
    inFreshDatabase((databaseUrl) =>
      round({ databaseUrl, seed: SEED, capabilities: undefined, steps: STEPS, kills: 1 }),
    ),
  );

  test.for(
    SERVERS.map((server, index) => ({ ...server, index })).filter(
      ({ form, capabilities }) => form !== 'long' && capabilities !== undefined,
    ),
  )('$name', { timeout: ROUND_MS * 4 }, async ({ capabilities, index }) => {
    const dovecot = await startDovecot({ capabilities });
    try {
      const seed = SEED + 1000 * index;
      const user = `user${index}@mailquay.example`;
      await fillMaildir(dovecot, user, 'INBOX', 120, { seed });
      await fillMaildir(dovecot, user, 'Sent', 40, { seed: seed + 1 });
      await fillMaildir(dovecot, user, 'Work/Übersicht', 60, { seed: seed + 2 });
      const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
      const checked = { mailquay, dovecot, user, grantId };
      const person = new RandomUser(dovecot, user, randomFrom(seed));
      const said = (error: Error) =>
        Promise.reject(new Error(`seed ${seed}, after ${person.history()}: ${error.message}`));
      // The first changes fall into the first sync.
      await person.act(STEPS);
      await mailquay.synced(grantId);
      await expectInStep(checked, { ms: ROUND_MS }).catch(said);
      const since = await snapshot(checked);
      await person.act(STEPS, {
        reconnect: () => mailquay.server.services.engine.grantChanged(grantId),
      });
      await expectInStep(checked, { since, ms: ROUND_MS }).catch(said);
      expect((await mailquay.call('DELETE', `/v3/grants/${grantId}`)).status).toBe(200);
    } finally {
      await dovecot.stop();
    }
  });
});
