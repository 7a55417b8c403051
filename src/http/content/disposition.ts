/**
 * Headers under which the bytes of a stranger's attachment may leave: to be saved, never shown, never guessed at,
 * and without rights if someone shows them anyway.
 */
export function downloadHeaders(attachment: {
  filename: string;
  contentType: string;
}): Record<string, string> {
  return {
    'content-type': safeContentType(attachment.contentType),
    'content-disposition': contentDisposition(attachment.filename),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'private, no-store',
  };
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}$`);

/** type/subtype alone: parameters come from strangers, and a charset would not help who saves a file. */
function safeContentType(text: string): string {
  const type = (text.split(';', 1)[0] ?? '').trim().toLowerCase();
  return type.length <= 127 && MEDIA_TYPE.test(type) ? type : 'application/octet-stream';
}

/** RFC 6266: an ASCII name for the old, and the true one as RFC 8187 writes it. */
export function contentDisposition(filename: string): string {
  const name = harmlessName(filename);
  const ascii = name.replace(/[^\x20-\x7e]/g, '_').replace(/["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

/** No path, no control or direction characters, nothing that a file system reserves, and of a sane length. */
function harmlessName(filename: string): string {
  const name = filename
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '')
    .replace(/[/\\:]/g, '_')
    .replace(/^[.\s]+|[.\s]+$/g, '');
  return [...name].slice(0, 150).join('') || 'attachment';
}
