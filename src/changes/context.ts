import type { LentMailbox } from '../providers/with-mailbox.ts';
import type { Database } from '../store/database.ts';
import type { Scope } from '../store/scope.ts';

/** What changes to mailboxes need. */
export interface ChangeContext {
  db: Database;
  clock: () => Date;
  /** The mailbox of a grant; `release` is called when the change is made. Null: the grant is gone. */
  mailbox(scope: Scope): Promise<LentMailbox | null>;
  /** Mail may be removed for good on request, not only be moved to Trash. */
  allowHardDelete: boolean;
}
