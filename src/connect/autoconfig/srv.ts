import type { Resolver } from 'node:dns/promises';
import type { Autoconfig, Server } from './servers.ts';

type Service = { name: string; security: Server['security'] };

/** Implicit TLS before STARTTLS (RFC 8314 section 5.1). */
const IMAP: Service[] = [
  { name: '_imaps._tcp', security: 'tls' },
  { name: '_imap._tcp', security: 'starttls' },
];
const SUBMISSION: Service[] = [
  { name: '_submissions._tcp', security: 'tls' },
  { name: '_submission._tcp', security: 'starttls' },
];

/** The servers that a domain publishes in DNS (RFC 6186); undefined when it names no IMAP server. */
export async function serversBySrv(resolver: Resolver, domain: string): Promise<Autoconfig | undefined> {
  const [imap, smtp] = await Promise.all([
    firstServer(resolver, domain, IMAP),
    firstServer(resolver, domain, SUBMISSION),
  ]);
  return imap && { imap, ...(smtp && { smtp }) };
}

async function firstServer(
  resolver: Resolver,
  domain: string,
  services: Service[],
): Promise<Server | undefined> {
  const found = await Promise.all(
    services.map(async ({ name, security }) => {
      try {
        const records = await resolver.resolveSrv(`${name}.${domain}`);
        // A target of "." says that the service is decidedly not there (RFC 6186 section 3.4).
        const usable = records.filter((r) => r.name !== '' && r.name !== '.' && r.port > 0);
        const [best] = usable.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
        return best && { host: best.name.toLowerCase(), port: best.port, security };
      } catch {
        return undefined;
      }
    }),
  );
  return found.find((server) => server !== undefined);
}
