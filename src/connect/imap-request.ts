import { invalidRequest } from '../platform/errors.ts';
import {
  defaultSecurity,
  type ImapSecret,
  type ImapSettings,
  type Security,
} from '../providers/imap/settings.ts';
import { autoconfigure } from './autoconfig/autoconfigure.ts';
import type { Autoconfig } from './autoconfig/servers.ts';
import type { ConnectContext } from './context.ts';
import { domainOf, isAddress } from './email.ts';
import type { Fields } from './fields.ts';

const MAX_NAME = 320;
const MAX_PASSWORD = 1_024;
const MAX_HOST = 255;

/** What a request about an IMAP account comes to, once everything that it left out is found. */
export interface ImapRequest {
  email: string;
  settings: ImapSettings;
  secret: ImapSecret;
}

interface Server {
  host: string;
  port: number;
  security: Security;
}

/**
 * Reads `settings` of an IMAP grant (contract 4.6, and `imap_security`, `smtp_security`, `email` beyond it) and
 * finds the servers that it does not name. The address is the user name when that is one, else `settings.email`
 * (or `email` beside `settings`), else `<user name>@<host>`.
 */
export async function readImapRequest(
  ctx: Pick<ConnectContext, 'egress' | 'dnsServers'>,
  body: Fields,
): Promise<ImapRequest> {
  const settings = body.object('settings');
  const username = settings.requiredText('imap_username', MAX_NAME);
  const password = settings.requiredText('imap_password', MAX_PASSWORD);
  const smtpUsername = settings.text('smtp_username', MAX_NAME) || undefined;
  const smtpPassword = settings.text('smtp_password', MAX_PASSWORD) || undefined;
  let imap = readServer(settings, 'imap');
  let smtp = readServer(settings, 'smtp');
  const given = readEmail(settings, body);

  if (!imap) {
    const found = await findServers(ctx, isAddress(username) ? username : given);
    imap = { ...found.imap, ...overrides(settings, 'imap') };
    if (!smtp && found.smtp) smtp = { ...found.smtp, ...overrides(settings, 'smtp') };
  } else if (!smtp && (settings.has('smtp_port') || smtpPassword)) {
    throw settings.refuse('smtp_host', 'is required when another setting of the SMTP server is given');
  }
  const derived = isAddress(username) ? username : (given ?? `${username}@${imap.host}`);
  if (!isAddress(derived))
    throw settings.refuse('email', 'is required: no address follows from imap_username');
  return {
    email: derived,
    settings: {
      imap_username: username,
      imap_host: imap.host,
      imap_port: imap.port,
      imap_security: imap.security,
      ...(smtp && { smtp_host: smtp.host, smtp_port: smtp.port, smtp_security: smtp.security }),
      ...(smtp && smtpUsername && { smtp_username: smtpUsername }),
    },
    secret: { imap_password: password, ...(smtp && smtpPassword && { smtp_password: smtpPassword }) },
  };
}

function readEmail(settings: Fields, body: Fields): string | undefined {
  for (const fields of [settings, body]) {
    const email = fields.text('email', MAX_NAME)?.trim();
    if (!email) continue;
    if (!isAddress(email)) throw fields.refuse('email', 'is not an email address');
    return email;
  }
  return undefined;
}

function readServer(settings: Fields, protocol: 'imap' | 'smtp'): Server | undefined {
  const host = settings.text(`${protocol}_host`, MAX_HOST)?.trim();
  const { port, security } = overrides(settings, protocol);
  if (!host) return undefined;
  const chosen = port ?? defaultPort(protocol, security);
  return { host, port: chosen, security: security ?? defaultSecurity(protocol, chosen) };
}

function overrides(settings: Fields, protocol: 'imap' | 'smtp'): { port?: number; security?: Security } {
  const port = settings.port(`${protocol}_port`);
  const security =
    settings.security(`${protocol}_security`) ??
    (port === undefined ? undefined : defaultSecurity(protocol, port));
  return { ...(port !== undefined && { port }), ...(security !== undefined && { security }) };
}

/** TLS from the first byte where nothing is said (RFC 8314 section 3). */
function defaultPort(protocol: 'imap' | 'smtp', security: Security | undefined): number {
  if (security === undefined || security === 'tls') return protocol === 'imap' ? 993 : 465;
  return protocol === 'imap' ? 143 : 587;
}

async function findServers(
  ctx: Pick<ConnectContext, 'egress' | 'dnsServers'>,
  address: string | undefined,
): Promise<Autoconfig> {
  const domain = address && domainOf(address);
  const found = domain ? await autoconfigure(ctx, domain) : undefined;
  if (found) return found;
  const reason = domain
    ? `no IMAP server was found for ${domain}`
    : 'imap_username is no address to find it from';
  throw invalidRequest('settings.imap_host', `is required: ${reason}`);
}
