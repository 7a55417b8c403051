import { zstdDecompressSync } from 'node:zlib';
import { prepareMail } from '../mail/prepare.ts';
import {
  type Searchable,
  type SearchDocument,
  searchDocument,
  visibleText,
} from '../mail/search/document.ts';
import { type Parcel, packMails } from './packed-mail.ts';

/** Raw mails one after the other in one buffer. */
export interface ParseTask {
  buffer: ArrayBuffer;
  lengths: number[];
}

/** Runs in a worker thread: parses and packs a batch of mails. */
export default function parse({ buffer, lengths }: ParseTask): Parcel {
  let offset = 0;
  const mails = lengths.map((length) => {
    const raw = Buffer.from(buffer, offset, length);
    offset += length;
    return prepareMail(raw);
  });
  return packMails(mails);
}

/** Stored mails of which the search document is to be made: `body` is zstd of HTML, as the store has it. */
export type IndexTask = (Omit<Searchable, 'text'> & { body: Uint8Array })[];

/** Runs in a worker thread: what a batch of stored mails is found by. */
export function index(mails: IndexTask): SearchDocument[] {
  return mails.map(({ body, ...mail }) => {
    const html = body.length === 0 ? '' : zstdDecompressSync(body).toString('utf8');
    return searchDocument({ ...mail, text: visibleText(html, null) });
  });
}
