import { afterAll, beforeAll } from 'vitest';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { startMailquay, type TestMailquay } from './mailquay.ts';

/** A mailquay and a Dovecot of their own. */
export interface Started {
  mailquay: TestMailquay;
  dovecot: Dovecot;
}

/** Starts both for the tests of a `describe`, hands them over, and stops them when the tests have run. */
export function startedForTests(take: (started: Started) => void): void {
  let started: Started | undefined;
  beforeAll(async () => {
    const [mailquay, dovecot] = await Promise.all([startMailquay(), startDovecot()]);
    started = { mailquay, dovecot };
    take(started);
  });
  afterAll(async () => {
    await started?.mailquay.stop();
    await started?.dovecot.stop();
  });
}
