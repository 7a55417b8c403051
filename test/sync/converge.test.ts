/**
 * Random changes at the server, at any moment and with any set of capabilities, must end with store, API and events
 * in step. `npm run converge` runs many rounds; the seed of a failing round is in its message, and
 * `CONVERGE_SEED=n` repeats it.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { capabilitiesWithout, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { RandomUser } from '../support/random-user.ts';

const ROUNDS = Number(process.env.CONVERGE_ROUNDS ?? 1);
const STEPS = Number(process.env.CONVERGE_STEPS ?? 6);
// The suite repeats itself; the long form looks for what nobody has seen.
const SEED = Number(
  process.env.CONVERGE_SEED ?? (ROUNDS > 1 ? Math.floor(Math.random() * 1e9) : 181_946_593),
);
const ROUND_MS = 60_000;

/** What servers in the field lack; those of the long form only are tried when there are many rounds. */
const SERVERS: [name: string, capabilities: string | undefined, form?: 'long'][] = [
  ['everything', undefined],
  ['no CONDSTORE', capabilitiesWithout('CONDSTORE', 'QRESYNC')],
  ['no QRESYNC', capabilitiesWithout('QRESYNC')],
  ['no MOVE and no UIDPLUS', capabilitiesWithout('MOVE', 'UIDPLUS')],
  ['no IDLE', capabilitiesWithout('IDLE', 'NOTIFY'), 'long'],
  ['no NOTIFY', capabilitiesWithout('NOTIFY'), 'long'],
  ['no SPECIAL-USE', capabilitiesWithout('SPECIAL-USE'), 'long'],
  ['no LIST-STATUS', capabilitiesWithout('LIST-STATUS'), 'long'],
  ['bare IMAP4rev1', 'IMAP4rev1'],
];
/** Only servers whose name holds this. */
const ONLY = process.env.CONVERGE_SERVER ?? '';

describeWithTestbed('converge', () => {
  let mailquay: TestMailquay;
  beforeAll(async () => {
    mailquay = await startMailquay();
  });
  afterAll(() => mailquay?.stop());

  test.for(
    SERVERS.map(([name, capabilities, form], index) => ({ name, capabilities, form, index })).filter(
      ({ name, form }) => (ONLY ? name.includes(ONLY) : ROUNDS > 1 || form !== 'long'),
    ),
  )('$name', { timeout: ROUNDS * ROUND_MS * 4 }, async ({ capabilities, index }, { annotate }) => {
    const dovecot = await startDovecot({ capabilities });
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const seed = SEED + 1000 * index + 10 * round;
        await annotate(`seed ${seed}`);
        const user = `user${index}-${round}@mailquay.example`;
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
      }
    } finally {
      await dovecot.stop();
    }
  });
});
