/**
 * What every provider's `Mailbox` (src/providers/provider.ts) must keep. A provider gives a fixture: an account on a
 * server that the suite may change from outside. What only some servers can do is asked of the fixture.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { editingTests } from './editing.ts';
import { lifeTests } from './life.ts';
import { readingTests } from './reading.ts';
import { type MailboxFacts, type MailboxFixture, Trial } from './trial.ts';
import { watchingTests } from './watching.ts';

/** Runs the suite for one provider on one kind of server. */
export function describeMailbox(
  name: string,
  facts: MailboxFacts,
  makeFixture: () => Promise<MailboxFixture>,
): void {
  describe(`the mailbox of ${name}`, () => {
    const trial = new Trial(facts);
    beforeAll(async () => {
      trial.server = await makeFixture();
      trial.mailbox = trial.server.open();
    });
    afterAll(async () => {
      await trial.mailbox?.close();
      await trial.server?.stop();
    });
    describe('reading', () => readingTests(trial));
    describe('watching', () => watchingTests(trial));
    describe('its life', () => lifeTests(trial));
    describe('changes', () => editingTests(trial));
  });
}
