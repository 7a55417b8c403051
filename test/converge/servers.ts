import { capabilitiesWithout } from '../../testbed/dovecot.ts';

/** What servers in the field lack; some are tried in the long form only, or by name. */
export const SERVERS: readonly { name: string; capabilities: string | undefined; form?: 'long' }[] = [
  { name: 'everything', capabilities: undefined },
  { name: 'no CONDSTORE', capabilities: capabilitiesWithout('CONDSTORE', 'QRESYNC') },
  { name: 'no QRESYNC', capabilities: capabilitiesWithout('QRESYNC'), form: 'long' },
  { name: 'no MOVE and no UIDPLUS', capabilities: capabilitiesWithout('MOVE', 'UIDPLUS') },
  { name: 'no IDLE', capabilities: capabilitiesWithout('IDLE', 'NOTIFY'), form: 'long' },
  { name: 'no NOTIFY', capabilities: capabilitiesWithout('NOTIFY'), form: 'long' },
  { name: 'no SPECIAL-USE', capabilities: capabilitiesWithout('SPECIAL-USE'), form: 'long' },
  { name: 'no LIST-STATUS', capabilities: capabilitiesWithout('LIST-STATUS'), form: 'long' },
  { name: 'bare IMAP4rev1', capabilities: 'IMAP4rev1' },
];
