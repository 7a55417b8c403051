/**
 * One round of convergence: somebody with another mail program and somebody at the API change one mailbox at the same
 * time, connections are cut, mailquay is killed and started again. At rest everything must agree.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import type { Checked } from '../support/checker/copy.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { Child } from '../support/child.ts';
import { engineSql, forgetLeases } from '../support/engine-sql.ts';
import type { TestMailquay } from '../support/mailquay.ts';
import { RandomUser } from '../support/random-user.ts';
import { ApiUser, type Call } from './api-user.ts';

export interface RoundOptions {
  databaseUrl: string;
  seed: number;
  /** As Dovecot announces them; undefined for all it has. */
  capabilities: string | undefined;
  /** Of each of the two, in each of two halves. */
  steps: number;
  /** Kills of mailquay in each half. */
  kills: number;
}

/** Everything must agree so soon after the last change, in ms. */
const REST_MS = 120_000;
/** A kill comes within so long of the beginning or of the one before, in ms. */
const KILL_WITHIN_MS = 5_000;
/** A process that was killed is noticed so soon, in ms. */
const KILLED_MS = 5_000;

/** Plays a round. Throws with what was done and what differs. */
export async function round({ databaseUrl, seed, capabilities, steps, kills }: RoundOptions): Promise<void> {
  const dovecot = await startDovecot({ capabilities });
  const user = 'converge@mailquay.example';
  let child = new Child(databaseUrl);
  try {
    await fillMaildir(dovecot, user, 'INBOX', 120, { seed });
    await fillMaildir(dovecot, user, 'Sent', 40, { seed: seed + 1 });
    await fillMaildir(dovecot, user, 'Work/Übersicht', 60, { seed: seed + 2 });
    await child.ready();
    const grantId = await child.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    const call: Call = async (method, path, body) => {
      const asked = child;
      try {
        await asked.ready();
        return await asked.call(method, path, body);
      } catch (error) {
        await Promise.race([asked.ended, sleep(KILLED_MS)]);
        if (asked.running) throw error;
        return null;
      }
    };
    const mailquay = {
      sql: <T>(text: string, values?: unknown[]) => engineSql<T>(databaseUrl, text, values),
      get: async (path: string) => (await call('GET', path)) as never,
    } as unknown as TestMailquay;
    const checked: Checked = { mailquay, dovecot, user, grantId };
    const person = new RandomUser(dovecot, user, randomFrom(seed));
    const api = new ApiUser(call, grantId, randomFrom(seed + 3));
    const random = randomFrom(seed + 4);
    const disturb = async () => {
      for (let n = 0; n < kills; n += 1) {
        await sleep(random() * KILL_WITHIN_MS);
        await child.kill();
        await forgetLeases(databaseUrl);
        child = new Child(databaseUrl);
        await child.ready();
      }
    };
    const play = () => Promise.all([person.act(steps), api.act(steps), disturb()]);
    const said = (error: Error) => {
      throw new Error(
        `${error.message}\nthe person: ${person.history()}\nthe API: ${api.history()}\n${child.said()}`,
      );
    };
    // The first changes fall into the first sync.
    await play().catch(said);
    await expectInStep(checked, { ms: REST_MS }).catch(said);
    const since = await snapshot(checked);
    await play().catch(said);
    await expectInStep(checked, { since, ms: REST_MS }).catch(said);
    const { status, text } = await child.call('DELETE', `/v3/grants/${grantId}`);
    if (status !== 200) throw new Error(`DELETE of the grant answered ${text}`);
  } finally {
    await child.kill();
    await dovecot.stop();
  }
}
