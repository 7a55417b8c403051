import { parseHost } from '../platform/egress-address.ts';

/** RFC 5321 section 4.5.3.1: 64 octets before the @; 254 for the whole (erratum 1690 of RFC 3696). */
const LOCAL_PART = /^[^\s@<>()",;:\\[\]\p{C}]{1,64}$/u;
const MAX_ADDRESS_LENGTH = 254;

/** Whether a text is an address that a mailbox can have. */
export function isAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1 || text.length > MAX_ADDRESS_LENGTH) return false;
  return LOCAL_PART.test(text.slice(0, at)) && parseHost(text.slice(at + 1)).kind !== 'refused';
}

/** The domain of an address as DNS knows it; null when it is no name with a dot in it. */
export function domainOf(address: string): string | null {
  const parsed = parseHost(address.slice(address.lastIndexOf('@') + 1));
  return parsed.kind === 'name' && parsed.name.includes('.') ? parsed.name : null;
}
