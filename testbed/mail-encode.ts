/** Header and body encodings for generated mail: encoded words, quoted-printable, base64 lines, parameters. */

/** A header text as RFC 2047 encoded words where it is not plain ASCII. */
export function encodeWords(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  let part = '';
  for (const character of text) {
    if (Buffer.byteLength(part + character) > 42) {
      words.push(part);
      part = '';
    }
    part += character;
  }
  words.push(part);
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join('\r\n ');
}

/** A name and address as a header holds them. */
export function mailbox(name: string, address: string): string {
  if (name === '') return address;
  if (!/^[\x20-\x7e]*$/.test(name)) return `${encodeWords(name)} <${address}>`;
  const phrase = /^[\w ']+$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`;
  return `${phrase} <${address}>`;
}

/** Quoted-printable with CRLF line ends and lines of at most 76 characters. */
export function quotedPrintable(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => {
      let out = '';
      let column = 0;
      const bytes = Buffer.from(line);
      for (const [at, byte] of bytes.entries()) {
        const last = at === bytes.length - 1;
        const plain = (byte >= 33 && byte <= 126 && byte !== 61) || ((byte === 32 || byte === 9) && !last);
        const piece = plain
          ? String.fromCharCode(byte)
          : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
        if (column + piece.length > 75) {
          out += '=\r\n';
          column = 0;
        }
        out += piece;
        column += piece.length;
      }
      return out;
    })
    .join('\r\n');
}

/** Base64 in lines of 76 characters. */
export function base64Lines(data: Buffer): string {
  return data.toString('base64').replace(/.{76}/g, '$&\r\n');
}

/** A file name parameter: quoted, or RFC 2231 when it is not ASCII. */
export function nameParameter(parameter: string, value: string): string {
  if (/^[\x20-\x7e]*$/.test(value)) return `${parameter}="${value.replace(/["\\]/g, '\\$&')}"`;
  const encoded = encodeURIComponent(value).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${parameter}*=UTF-8''${encoded}`;
}
