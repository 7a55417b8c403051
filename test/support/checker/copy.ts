import type { Dovecot } from '../../../testbed/dovecot.ts';
import type { TestMailquay } from '../mailquay.ts';

/** Which mailbox is checked, and against which server. */
export interface Checked {
  mailquay: TestMailquay;
  dovecot: Dovecot;
  user: string;
  grantId: string;
}

/** One copy of a mail, wherever it is looked at. */
export interface Copy {
  folder: string;
  validity: number;
  uid: number;
  /** System flags and keywords, sorted, without \Recent. */
  flags: string;
  date: number;
}

/** Flags as they are compared. */
export function sortedFlags(flags: string[]): string {
  return flags
    .filter((flag) => flag !== '' && flag !== '\\Recent' && flag !== '\\Deleted')
    .sort()
    .join(' ');
}
