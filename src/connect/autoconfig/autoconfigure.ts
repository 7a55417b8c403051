import { createResolver, type Egress } from '../../platform/egress.ts';
import { providerByDomain, providerByMx } from './known-providers.ts';
import { serversByProbe } from './probe.ts';
import type { Autoconfig, KnownProvider } from './servers.ts';
import { serversBySrv } from './srv.ts';

interface Means {
  egress: Egress;
  dnsServers: string[];
}

/** All questions to DNS about one domain, in ms. */
const DNS_LIMIT_MS = 4_000;

/**
 * Finds the mail servers of a domain: known services by their domains, then what the domain itself publishes
 * (RFC 6186), then the service that its MX records point to, and last the usual names, dialled through the
 * egress guard. Nothing found in DNS is dialled here but those names. Undefined when nothing was found.
 */
export async function autoconfigure(means: Means, domain: string): Promise<Autoconfig | undefined> {
  const own = providerByDomain(domain);
  if (own) return fromKnown(own);
  const [srv, known] = await fromDns(means, domain);
  if (srv) return { ...srv, ...(known && { known }) };
  if (known) return fromKnown(known);
  return serversByProbe(means.egress, domain);
}

/** The known service that keeps a domain's mail: by its own domains, else by the best MX record. */
export async function knownProvider(
  means: Pick<Means, 'dnsServers'>,
  domain: string,
): Promise<KnownProvider | undefined> {
  return providerByDomain(domain) ?? (await limited(byMx(means, domain)));
}

function fromKnown(known: KnownProvider): Autoconfig {
  return { imap: known.imap, smtp: known.smtp, known };
}

async function fromDns(
  means: Means,
  domain: string,
): Promise<[Autoconfig | undefined, KnownProvider | undefined]> {
  const resolver = createResolver(means.dnsServers);
  return Promise.all([limited(serversBySrv(resolver, domain)), limited(byMx(means, domain))]);
}

async function byMx(means: Pick<Means, 'dnsServers'>, domain: string): Promise<KnownProvider | undefined> {
  const records = await createResolver(means.dnsServers).resolveMx(domain);
  const [best] = records.sort((a, b) => a.priority - b.priority);
  return best && providerByMx(best.exchange);
}

/** Undefined when DNS fails or takes too long: then the next way is tried. */
async function limited<T>(work: Promise<T | undefined>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), DNS_LIMIT_MS);
  });
  try {
    return await Promise.race([work.catch(() => undefined), limit]);
  } finally {
    clearTimeout(timer);
  }
}
