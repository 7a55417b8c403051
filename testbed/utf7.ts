/** IMAP's modified UTF-7 for mailbox names (RFC 3501, 5.1.3). */
export function encodeMailboxName(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (part) => {
    if (part === '&') return '&-';
    const bytes = Buffer.from(part, 'utf16le').swap16();
    return `&${bytes.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

export function decodeMailboxName(name: string): string {
  return name.replace(/&([^-]*)-/g, (_, part: string) =>
    part === '' ? '&' : Buffer.from(evenBytes(part)).swap16().toString('utf16le'),
  );
}

function evenBytes(part: string): Buffer {
  const bytes = Buffer.from(part.replaceAll(',', '/'), 'base64');
  return bytes.subarray(0, bytes.length - (bytes.length % 2));
}
