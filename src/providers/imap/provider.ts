import type { Account, Mailbox } from '../provider.ts';
import type { Dialer, ImapTimings } from './connection.ts';
import { ImapMailbox } from './mailbox.ts';
import type { ImapSecret, ImapSettings } from './settings.ts';

/** Opens IMAP mailboxes through a dialler that decides which addresses may be reached. */
export function imapMailboxes(
  dialer: Dialer,
  timings?: Partial<ImapTimings>,
): (account: Account<ImapSettings, ImapSecret>) => Mailbox {
  return (account) => new ImapMailbox(account, dialer, timings);
}
