import { isIP, isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';

/** Where an address lies, as far as dialling is concerned. */
export type AddressScope = 'global' | 'private' | 'forbidden';

/** What a host that somebody wrote turned out to be. */
export type ParsedHost =
  | { kind: 'address'; address: string; family: 4 | 6 }
  | { kind: 'name'; name: string }
  | { kind: 'refused'; reason: string };

/** Last label that the WHATWG URL standard and inet_aton would take for a number: 1, 0x7f, 0177. */
const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/i;
/** One label of a host name (RFC 1123), with the underscore that some internal names have. */
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
/** RFC 1035 section 2.3.4, without the final dot. */
const MAX_NAME_LENGTH = 253;

/** What an operator may open with MAILQUAY_ALLOW_PRIVATE_NETWORKS. Link-local is not in it: cloud metadata lives there. */
const PRIVATE_RANGES = new Set(['loopback', 'private', 'carrierGradeNat', 'uniqueLocal']);
/** All global unicast that IANA has given out so far lies in here (RFC 4291 section 2.4). */
const GLOBAL_UNICAST_V6: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * Reads a host as written by a user: a literal address in its one strict spelling, or a name.
 * Everything that another parser might read differently (127.1, 0x7f000001, zone ids, `user@host`) is refused.
 */
export function parseHost(host: string): ParsedHost {
  const text = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  // Four decimal numbers without leading zeros: the only spelling that every resolver reads alike.
  if (text === host && isIPv4(text)) return { kind: 'address', address: text, family: 4 };
  if (text.includes(':')) return parseV6(text);
  // The URL parser behind domainToASCII would drop line breaks and invisible characters without a word.
  if (text !== host || /[\p{C}\p{Z}]/u.test(text)) return refused('it is not a host name or an IP address');

  // Full-width digits and the like become ASCII here, and are then no name any more.
  const ascii = /^[\x21-\x7e]+$/.test(text) ? text.toLowerCase() : domainToASCII(text);
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  if (name === '' || name.length > MAX_NAME_LENGTH || !name.split('.').every((label) => LABEL.test(label))) {
    return refused('it is not a host name or an IP address');
  }
  if (ENDS_IN_NUMBER.test(name)) return refused('it is an IP address in an ambiguous form');
  return { kind: 'name', name };
}

function parseV6(text: string): ParsedHost {
  if (text.includes('%')) return refused('an address with a zone id is not accepted');
  if (!/^[0-9a-f:.]+$/i.test(text) || !ipaddr.IPv6.isValid(text)) {
    return refused('it is not a host name or an IP address (write the port into its own field)');
  }
  return { kind: 'address', address: ipaddr.IPv6.parse(text).toRFC5952String(), family: 6 };
}

function refused(reason: string): ParsedHost {
  return { kind: 'refused', reason };
}

/** Judges an address by its bytes. What is not known to be a public or a private unicast address is forbidden. */
export function scopeOf(address: string): AddressScope {
  if (isIP(address) === 0 || address.includes('%')) return 'forbidden';
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (PRIVATE_RANGES.has(range)) return 'private';
  if (range !== 'unicast') return 'forbidden';
  // The library calls unicast whatever no special range claims: also ::127.0.0.1 and space not yet given out.
  if (parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_UNICAST_V6)) return 'forbidden';
  return 'global';
}
