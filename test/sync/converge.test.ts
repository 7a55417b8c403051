/**
 * Random changes at the server, at any moment and with any set of capabilities, must end with store, API and events
 * in step. `npm run converge` runs many rounds; a failing round names the settings that repeat it.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { SERVERS } from '../converge/servers.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { RandomUser } from '../support/random-user.ts';

const ROUNDS = Number(process.env.CONVERGE_ROUNDS ?? 1);
const LONG = ROUNDS > 1;
const STEPS = Number(process.env.CONVERGE_STEPS ?? 6);
/** Of a round that is repeated. */
const REPEATED = process.env.CONVERGE_SEED ? Number(process.env.CONVERGE_SEED) : null;
// The suite repeats itself; the long form looks for what nobody has seen.
const SEED = LONG ? Math.floor(Math.random() * 1e9) : 181_946_593;
const ROUND_MS = 60_000;

/** Only servers whose name holds this. */
const ONLY = process.env.CONVERGE_SERVER ?? '';

describeWithTestbed('converge', () => {
  let mailquay: TestMailquay;
  beforeAll(async () => {
    mailquay = await startMailquay();
  });
  afterAll(() => mailquay?.stop());

  test.for(
    SERVERS.map((server, index) => ({ ...server, index })).filter(({ name, form }) =>
      ONLY ? name.includes(ONLY) : LONG || form !== 'long',
    ),
  )('$name', { timeout: ROUNDS * ROUND_MS * 4 }, async ({ name, capabilities, index }, { annotate }) => {
    const dovecot = await startDovecot({ capabilities });
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const seed = REPEATED ?? SEED + 1000 * index + 10 * round;
        const repeat = `CONVERGE_SEED=${seed} CONVERGE_STEPS=${STEPS} CONVERGE_SERVER='${name}'`;
        await annotate(repeat);
        const user = `user${index}-${round}@mailquay.example`;
        await fillMaildir(dovecot, user, 'INBOX', 120, { seed });
        await fillMaildir(dovecot, user, 'Sent', 40, { seed: seed + 1 });
        await fillMaildir(dovecot, user, 'Work/Übersicht', 60, { seed: seed + 2 });
        const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
        const checked = { mailquay, dovecot, user, grantId };
        const person = new RandomUser(dovecot, user, randomFrom(seed));
        const said = (error: Error) =>
          Promise.reject(new Error(`${repeat}, after ${person.history()}: ${error.message}`));
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
      }
    } finally {
      await dovecot.stop();
    }
  });
});
