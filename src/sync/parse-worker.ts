import { type PreparedMail, prepareMail } from '../mail/prepare.ts';

/** Raw mails one after the other in one buffer. */
export interface ParseTask {
  buffer: ArrayBuffer;
  lengths: number[];
}

/** Runs in a worker thread: parses and packs a batch of mails. */
export default function parse({ buffer, lengths }: ParseTask): PreparedMail[] {
  let offset = 0;
  return lengths.map((length) => {
    const raw = Buffer.from(buffer, offset, length);
    offset += length;
    return prepareMail(raw);
  });
}
