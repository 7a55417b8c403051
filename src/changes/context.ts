import type { Mailbox } from '../providers/provider.ts';
import type { Database } from '../store/database.ts';
import type { Scope } from '../store/scope.ts';

/** What changes to mailboxes need. */
export interface ChangeContext {
  db: Database;
  clock: () => Date;
  /** The mailbox of a grant; `release` is called when the change is made. Null: the grant is gone. */
  mailbox(scope: Scope): Promise<{ mailbox: Mailbox; release: () => Promise<void> } | null>;
  /** Mail may be removed for good on request, not only be moved to Trash. */
  allowHardDelete: boolean;
}
