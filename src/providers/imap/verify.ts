import type { Account } from '../provider.ts';
import { verifySmtpLogin } from '../smtp/verify.ts';
import { connect, type Dialer } from './connection.ts';
import { defaultSecurity, type ImapSecret, type ImapSettings, type Security } from './settings.ts';

type ImapAccount = Account<ImapSettings, ImapSecret>;

/** The egress guard, as far as a login needs it. */
interface Guard {
  resolve(host: string, purpose?: { plainText?: boolean }): ReturnType<Dialer['resolve']>;
}

/** Tries the logins of an IMAP account and keeps nothing open. Each throws a ProviderError with the server's words. */
export function imapVerifier(guard: Guard) {
  const dialerFor = (security: Security | undefined): Dialer => ({
    resolve: (host) => guard.resolve(host, { plainText: security === 'none' }),
  });
  return {
    async verifyImap(account: ImapAccount, signal: AbortSignal): Promise<void> {
      const client = await connect(account, dialerFor(account.settings.imap_security), signal, {
        qresync: false,
      });
      // No LOGOUT: a server that keeps us waiting for its BYE would keep the user waiting, too.
      client.close();
    },

    async verifySmtp({ settings, secret }: ImapAccount, signal: AbortSignal): Promise<void> {
      if (!settings.smtp_host) return;
      const port = settings.smtp_port ?? 465;
      await verifySmtpLogin(
        {
          host: settings.smtp_host,
          port,
          security: settings.smtp_security ?? defaultSecurity('smtp', port),
          username: settings.smtp_username ?? settings.imap_username,
          password: secret.smtp_password ?? secret.imap_password,
        },
        dialerFor(settings.smtp_security),
        signal,
      );
    },
  };
}
