import type { Egress } from '../platform/egress.ts';
import type { Log } from '../platform/log.ts';
import type { Secrets } from '../platform/secrets.ts';
import type { ImapSecret, ImapSettings } from '../providers/imap/settings.ts';
import type { Account } from '../providers/provider.ts';
import type { Database } from '../store/database.ts';

/** What the functions of this room stand on; composition makes one and hands it to all. */
export interface ConnectContext {
  db: Database;
  secrets: Secrets;
  egress: Egress;
  log: Log;
  imap: ImapVerifier;
  /** DNS servers for autoconfiguration; empty means the system's. */
  dnsServers: string[];
}

/** The two logins of an IMAP account. Each throws a ProviderError with the server's words. */
export interface ImapVerifier {
  verifyImap(account: Account<ImapSettings, ImapSecret>, signal: AbortSignal): Promise<void>;
  verifySmtp(account: Account<ImapSettings, ImapSecret>, signal: AbortSignal): Promise<void>;
}
