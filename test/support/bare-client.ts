import { ImapFlow } from 'imapflow';
import type { Dovecot } from '../../testbed/dovecot.ts';

/** A plain IMAP client of the test's own, logged in. */
export async function bareClient(dovecot: Dovecot, user: string): Promise<ImapFlow> {
  const { username, password } = dovecot.user(user);
  const client = new ImapFlow({
    host: dovecot.host,
    port: dovecot.imapPort,
    secure: false,
    doSTARTTLS: false,
    logger: false,
    disableAutoIdle: true,
    auth: { user: username, pass: password },
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}
