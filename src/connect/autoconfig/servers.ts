import type { Security } from '../../providers/imap/settings.ts';

export interface Server {
  host: string;
  port: number;
  security: Security;
}

/** The servers of a domain. `known` when they belong to a service with a name. */
export interface Autoconfig {
  imap: Server;
  smtp?: Server;
  known?: KnownProvider;
}

/** A mail service whose servers are known. */
export interface KnownProvider {
  /** What `detect` calls it (contract 4.5: `type`). */
  type: string;
  /** The contract's provider that fits best, when everything is asked for; `imap` when there is no better one. */
  provider: 'google' | 'microsoft' | 'yahoo' | 'icloud' | 'imap';
  /** Domains of its addresses. `yahoo.*` stands for every country. */
  domains: string[];
  /** How the names of its mail exchangers end, for domains of its customers. */
  mx: string[];
  imap: Server;
  smtp: Server;
  /** It takes no password over IMAP (any more): only OAuth gets in. */
  oauthOnly?: true;
}
