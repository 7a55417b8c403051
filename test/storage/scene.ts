/** A mailquay of its own process on one mailbox of a real Dovecot, looked at by the checker and by whoever calls the API. */
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import type { Call } from '../converge/api-user.ts';
import type { Checked } from '../support/checker/copy.ts';
import { expectInStep } from '../support/checker.ts';
import { besideChild, type Child } from '../support/child.ts';
import { engineSql } from '../support/engine-sql.ts';
import { watchedCall } from './watched-call.ts';

export const USER = 'storage@mailquay.example';
const MAILS = 80;

export interface Scene {
  dovecot: Dovecot;
  /** Replaced when mailquay is started again. */
  child: Child;
  grantId: string;
  checked: Checked;
  /** SQL beside mailquay. */
  sql<T>(text: string, values?: unknown[]): Promise<T[]>;
  /** Answers of `call` that neither served nor said when to come again. */
  bad: string[];
  /** Calls the API; null for an answer above 500, which is `bad` unless it is a 503 that says when to come again. */
  call: Call;
  stop(): Promise<void>;
}

/** Connects a mailbox to `child` and waits until the store is in step. The URL of the database is asked anew each time. */
export async function startScene(child: Child, database: { url: string }): Promise<Scene> {
  const dovecot = await startDovecot();
  await fillMaildir(dovecot, USER, 'INBOX', MAILS, { seed: 3 });
  await child.ready();
  const grantId = await child.connect({ ...dovecot.user(USER), port: dovecot.imapPort });
  const sql = <T>(text: string, values?: unknown[]) => engineSql<T>(database.url, text, values);
  const mailquay = besideChild(database, () => scene.child);
  const bad: string[] = [];
  const scene: Scene = {
    dovecot,
    child,
    grantId,
    sql,
    checked: { mailquay, dovecot, user: USER, grantId },
    bad,
    call: watchedCall(
      (method, path, body) => scene.child.call(method, path, body),
      bad,
      () => scene.child.said(),
    ),
    stop: async () => {
      await scene.child.kill();
      await dovecot.stop();
    },
  };
  await expectInStep(scene.checked, { ms: 60_000 });
  return scene;
}

/** A mail that no compression makes small. */
export function largeMail(subject: string, seed: number, bytes: number): Buffer {
  return Buffer.from(`Subject: ${subject}\r\n\r\n${noise(seed, bytes)}\r\n`);
}

/** Words that nobody has ever seen, in lines. */
export function noise(seed: number, bytes: number): string {
  const random = randomFrom(seed);
  let text = '';
  while (text.length < bytes) text += `${Math.floor(random() * 1e15).toString(36)} `;
  return text.replace(/(.{1,900}) /g, '$1\r\n');
}
