import { invalidRequest } from '../platform/errors.ts';
import { autoconfigure, knownProvider } from './autoconfig/autoconfigure.ts';
import type { ConnectContext } from './context.ts';
import { domainOf, isAddress } from './email.ts';

/** What an address turned out to belong to (contract 4.5). */
export interface Detection {
  email_address: string;
  detected: boolean;
  provider?: string;
  /** Only for `imap`: which service it is. */
  type?: string;
}

/**
 * Finds the provider of an address. Normally only providers that can be connected here are given: those are
 * the ones over IMAP. With `allProviderTypes` the best fitting provider is named, whether or not we have it.
 */
export async function detectProvider(
  ctx: Pick<ConnectContext, 'egress' | 'dnsServers'>,
  request: { email: string; allProviderTypes: boolean },
): Promise<Detection> {
  const email = request.email.trim();
  if (!email) throw invalidRequest('email', 'is required');
  if (!isAddress(email)) throw invalidRequest('email', 'is not an email address');
  const domain = domainOf(email);
  const unknown = { email_address: email, detected: false };
  if (!domain) return unknown;
  const known = await knownProvider(ctx, domain);
  if (known) {
    if (request.allProviderTypes && known.provider !== 'imap') {
      return { email_address: email, detected: true, provider: known.provider };
    }
    if (known.oauthOnly) return unknown;
    return { email_address: email, detected: true, provider: 'imap', type: known.type };
  }
  const found = await autoconfigure(ctx, domain);
  return found ? { email_address: email, detected: true, provider: 'imap', type: 'generic' } : unknown;
}
