import { promises as systemDns } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { parseHost, scopeOf } from './egress-address.ts';
import { ProviderError } from './provider-error.ts';

/** Wall-clock limit for finding the addresses of a name, in ms. */
const RESOLVE_LIMIT_MS = 8_000;
/** One question to one DNS server, in ms, and how often it is asked. */
const QUERY_MS = 2_000;
const QUERY_TRIES = 2;
/** More addresses than this for one name serve nobody. */
const MAX_ADDRESSES = 8;

/** An address that may be dialled, checked on its bytes. Dial it, never the name it came from. */
interface DialAddress {
  address: string;
  family: 4 | 6;
  /** For SNI and for the check of the certificate; undefined when the user wrote an address. */
  servername: string | undefined;
  /** True for loopback and private ranges, which are here only because the operator opened them. */
  private: boolean;
}

/** The one door for connections to hosts that users name. */
export interface Egress {
  readonly allowPrivateNetworks: boolean;
  /**
   * The addresses of a host that may be dialled, best first, never none.
   * For a conversation in plain text these are private ones only (rule 35).
   * Throws ProviderError: `forbidden_host` when the host or all its addresses are off limits (code
   * `EPLAINTEXT` when only for plain text), `network` when the name does not exist or DNS gives no answer in time.
   */
  resolve(host: string, purpose?: { plainText?: boolean }): Promise<DialAddress[]>;
  /** The same in the form of `dns.lookup`, for HTTP clients and sockets. */
  readonly lookup: LookupFunction;
}

export interface EgressOptions {
  /** Loopback and private ranges may be dialled (MAILQUAY_ALLOW_PRIVATE_NETWORKS). */
  allowPrivateNetworks: boolean;
  /** Servers to ask instead of the system's resolver, as `address` or `address:port`. */
  dnsServers?: string[];
}

type FoundAddress = { address: string; family: number };

export function createEgress(options: EgressOptions): Egress {
  const { allowPrivateNetworks, dnsServers = [] } = options;

  async function resolve(host: string, purpose: { plainText?: boolean } = {}): Promise<DialAddress[]> {
    const parsed = parseHost(host);
    if (parsed.kind === 'refused') throw forbidden(host, parsed.reason);
    const servername = parsed.kind === 'name' ? parsed.name : undefined;
    const found = parsed.kind === 'name' ? await findAddresses(parsed.name, dnsServers) : [parsed];

    const dialable: DialAddress[] = [];
    let privateOnly = false;
    for (const { address, family } of found.slice(0, MAX_ADDRESSES)) {
      const scope = scopeOf(address);
      if (scope === 'global' || (scope === 'private' && allowPrivateNetworks)) {
        dialable.push({ address, family: family === 6 ? 6 : 4, servername, private: scope === 'private' });
      } else if (scope === 'private') {
        privateOnly = true;
      }
    }
    if (dialable.length > 0 && purpose.plainText) return privateOnes(host, dialable);
    if (dialable.length > 0) return dialable;
    throw forbidden(
      host,
      privateOnly
        ? 'it lies in a loopback or private network. The operator of this server can open those with MAILQUAY_ALLOW_PRIVATE_NETWORKS=true'
        : 'its address is reserved and never dialled',
    );
  }

  const lookup: LookupFunction = (hostname, lookupOptions, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const wanted = lookupOptions.family;
        const fitting = addresses.filter(
          (a) => !wanted || wanted === a.family || wanted === `IPv${a.family}`,
        );
        const first = fitting[0];
        if (!first) {
          const error: NodeJS.ErrnoException = new Error(`no IPv${wanted} address for ${hostname}`);
          error.code = 'ENOTFOUND';
          callback(error, '');
        } else if (lookupOptions.all) {
          callback(
            null,
            fitting.map(({ address, family }) => ({ address, family })),
          );
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: Error) => callback(error, ''),
    );
  };

  return { allowPrivateNetworks, resolve, lookup };
}

function privateOnes(host: string, dialable: DialAddress[]): DialAddress[] {
  const inside = dialable.filter((address) => address.private);
  if (inside.length > 0) return inside;
  throw new ProviderError(
    'forbidden_host',
    `The host "${shown(host)}" lies in the public internet, where nothing is sent in plain text.`,
    { code: 'EPLAINTEXT' },
  );
}

async function findAddresses(name: string, dnsServers: string[]): Promise<FoundAddress[]> {
  // RFC 6761 section 6.3: these names are loopback, whatever a DNS server says.
  if (name === 'localhost' || name.endsWith('.localhost')) {
    return [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ];
  }
  const asking = dnsServers.length > 0 ? askServers(name, dnsServers) : askSystem(name);
  const found = await withLimit(asking, name);
  if (found.length === 0) throw unresolved(name, 'ENOTFOUND');
  return found;
}

/** The system's resolver, with /etc/hosts and whatever else the machine is set up with. */
async function askSystem(name: string): Promise<FoundAddress[]> {
  try {
    return await systemDns.lookup(name, { all: true, order: 'ipv4first' });
  } catch (error) {
    throw unresolved(name, codeOf(error), error);
  }
}

async function askServers(name: string, dnsServers: string[]): Promise<FoundAddress[]> {
  const resolver = createResolver(dnsServers);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found: FoundAddress[] = [];
  if (v4.status === 'fulfilled') found.push(...v4.value.map((address) => ({ address, family: 4 })));
  if (v6.status === 'fulfilled') found.push(...v6.value.map((address) => ({ address, family: 6 })));
  if (found.length === 0) {
    const reasons = [v4, v6].flatMap((r) => (r.status === 'rejected' ? [r.reason] : []));
    // "No such name" only when nothing worse happened: a server in trouble says nothing about the name.
    const worst = reasons.find((reason) => !isNoSuchName(codeOf(reason))) ?? reasons[0];
    throw unresolved(name, codeOf(worst), worst);
  }
  return found;
}

/** A DNS client with short time limits; `dnsServers` empty means the system's servers. */
export function createResolver(dnsServers: string[]): Resolver {
  const resolver = new Resolver({ timeout: QUERY_MS, tries: QUERY_TRIES });
  if (dnsServers.length > 0) resolver.setServers(dnsServers);
  return resolver;
}

async function withLimit<T>(work: Promise<T>, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unresolved(name, 'ETIMEOUT')), RESOLVE_LIMIT_MS);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function forbidden(host: string, reason: string): ProviderError {
  return new ProviderError('forbidden_host', `The host "${shown(host)}" may not be dialled: ${reason}.`, {
    code: 'EHOSTFORBIDDEN',
  });
}

function unresolved(name: string, code: string | undefined, cause?: unknown): ProviderError {
  const message = isNoSuchName(code)
    ? `The host name "${shown(name)}" was not found in DNS.`
    : `DNS gave no answer for the host name "${shown(name)}" (${code ?? 'unknown error'}).`;
  return new ProviderError('network', message, { code, cause });
}

function isNoSuchName(code: string | undefined): boolean {
  return code === 'ENOTFOUND' || code === 'ENODATA' || code === 'ENONAME';
}

function codeOf(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** What a user wrote, fit for a message: short, and without control characters. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
