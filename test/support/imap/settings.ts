/** What a scripted IMAP server is set up with. */
import type { MailModel } from './model.ts';

export const DEFAULT_CAPABILITIES =
  'IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN ID ENABLE IDLE NAMESPACE CHILDREN UIDPLUS MOVE UNSELECT SPECIAL-USE ' +
  'LIST-EXTENDED LIST-STATUS STATUS=SIZE CONDSTORE QRESYNC OBJECTID';

export interface ImapSettings {
  model: MailModel;
  capabilities: string;
  delimiter: string;
  prefix: string;
  login: (user: string, password: string) => boolean;
}
