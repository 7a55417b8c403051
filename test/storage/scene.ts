/** A mailquay of its own process on one mailbox of a real Dovecot, looked at by the checker and by whoever calls the API. */
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { randomFrom } from '../../testbed/mail-maker.ts';
import type { Call } from '../converge/api-user.ts';
import type { Checked } from '../support/checker/copy.ts';
import { expectInStep } from '../support/checker.ts';
import type { Child } from '../support/child.ts';
import { engineSql } from '../support/engine-sql.ts';
import type { TestMailquay } from '../support/mailquay.ts';

export const USER = 'storage@mailquay.example';
const MAILS = 80;
/** An answer that says to come again says when, in seconds (RS3). */
const MOST_RETRY_AFTER = 5;

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

/** Connects a mailbox to `child` and waits until the store is in step. `databaseUrl` is asked anew each time. */
export async function startScene(child: Child, databaseUrl: () => string): Promise<Scene> {
  const dovecot = await startDovecot();
  await fillMaildir(dovecot, USER, 'INBOX', MAILS, { seed: 3 });
  await child.ready();
  const grantId = await child.connect({ ...dovecot.user(USER), port: dovecot.imapPort });
  const sql = <T>(text: string, values?: unknown[]) => engineSql<T>(databaseUrl(), text, values);
  const mailquay = {
    sql,
    get: (path: string) => scene.child.call('GET', path),
  } as unknown as TestMailquay;
  const bad: string[] = [];
  const scene: Scene = {
    dovecot,
    child,
    grantId,
    sql,
    checked: { mailquay, dovecot, user: USER, grantId },
    bad,
    call: async (method, path, body) => {
      const answer = await scene.child.call(method, path, body);
      if (answer.status < 500) return answer;
      if (!(answer.status === 503 && retryAfter(answer.headers) <= MOST_RETRY_AFTER))
        bad.push(`${method} ${path}: ${answer.status} ${answer.text}\n${scene.child.said()}`);
      return null;
    },
    stop: async () => {
      await scene.child.kill();
      await dovecot.stop();
    },
  };
  await expectInStep(scene.checked, { ms: 60_000 });
  return scene;
}

function retryAfter(headers: Headers): number {
  return Number(headers.get('retry-after') ?? Number.NaN);
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
