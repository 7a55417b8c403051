/** How a connection to a mail server is secured. */
export type Security = 'tls' | 'starttls' | 'none';

/** Public settings of an IMAP grant, as stored and shown (contract 4.6). */
export interface ImapSettings {
  imap_username: string;
  imap_host: string;
  imap_port: number;
  imap_security: Security;
  smtp_host?: string;
  smtp_port?: number;
  smtp_security?: Security;
  smtp_username?: string;
}

/** What of an IMAP grant is encrypted at rest. */
export interface ImapSecret {
  imap_password: string;
  smtp_password?: string;
}

/** The security that a port implies when nothing is said: 993 and 465 are TLS from the first byte. */
export function defaultSecurity(protocol: 'imap' | 'smtp', port: number): Security {
  return (protocol === 'imap' && port === 993) || (protocol === 'smtp' && port === 465) ? 'tls' : 'starttls';
}
