import { hash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { fingerprint } from '../mail/fingerprint.ts';
import { type PreparedMail, prepareMail } from '../mail/prepare.ts';
import { EMPTY_DOCUMENT, type SearchDocument } from '../mail/search/document.ts';
import { zstd } from '../mail/zstd.ts';
import { type PackedMail, type Parcel, packMail, unpackMails } from './packed-mail.ts';
import type { IndexTask, ParseTask } from './parse-worker.ts';

/** Below this many bytes a mail is parsed on the spot: sending it to another thread costs more. */
const INLINE_BYTES = 128 * 1024;
const INLINE_MAILS = 2;
/** Mails of one task: enough to pay for the journey, few enough to keep all threads busy. */
const TASK_MAILS = 64;
const TASK_BYTES = 4 * 1024 * 1024;
/** One mail may take this long; a longer one is stored unread. In ms. */
const PARSE_TIMEOUT_MS = 30_000;
/** An idle thread ends after this long, in ms. */
const THREAD_IDLE_MS = 30_000;
/** Memory of one thread, in MB: the largest mail that is read, a few times over. */
const THREAD_MEMORY_MB = 1_024;

/** Parses mail off the event loop, with a limit on time and memory; hostile mail costs a thread, never the process. */
export class ParsePool {
  readonly #pool: Piscina;
  #closed = false;

  /** One core is left to the event loop and the database; on two, a second parser gains nothing. */
  constructor(threads: number = availableParallelism() - 1) {
    // The build turns .ts into .js beside this file.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#pool = new Piscina({
      filename: new URL(`./parse-worker.${extension}`, import.meta.url).href,
      minThreads: 0,
      maxThreads: Math.max(1, threads),
      idleTimeout: THREAD_IDLE_MS,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MB },
    });
  }

  /** Prepares mails for the store, in order. Never fails for a mail's sake: it says so in `parseError`. */
  async prepare(raws: Buffer[]): Promise<PackedMail[]> {
    const bytes = raws.reduce((sum, raw) => sum + raw.length, 0);
    if (raws.length <= INLINE_MAILS && bytes <= INLINE_BYTES)
      return raws.map((raw) => packMail(prepareMail(raw)));
    const tasks: Promise<PackedMail[]>[] = [];
    for (const group of groups(raws)) tasks.push(this.#run(group));
    return (await Promise.all(tasks)).flat();
  }

  /**
   * Makes the search documents of mails that are stored, in order; null for one that takes too long or breaks the
   * thread.
   */
  async index(mails: IndexTask): Promise<(SearchDocument | null)[]> {
    try {
      return (await this.#pool.run(mails, {
        name: 'index',
        signal: AbortSignal.timeout(PARSE_TIMEOUT_MS * mails.length),
      })) as SearchDocument[];
    } catch (error) {
      if (this.#closed) throw error;
      if (mails.length === 1) return [null];
      const documents: (SearchDocument | null)[] = [];
      for (const mail of mails) documents.push(...(await this.index([mail])));
      return documents;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pool.destroy();
  }

  async #run(raws: Buffer[]): Promise<PackedMail[]> {
    // Of its own, not out of a pool: it is handed over whole.
    const buffer = new ArrayBuffer(raws.reduce((sum, raw) => sum + raw.length, 0));
    const bytes = new Uint8Array(buffer);
    let at = 0;
    for (const raw of raws) {
      bytes.set(raw, at);
      at += raw.length;
    }
    const task: ParseTask = { buffer, lengths: raws.map((raw) => raw.length) };
    try {
      const parcel = await this.#pool.run(task, {
        transferList: [buffer],
        signal: AbortSignal.timeout(PARSE_TIMEOUT_MS * raws.length),
      });
      return unpackMails(parcel as Parcel);
    } catch (error) {
      if (this.#closed) throw error;
      // One of them broke the thread: find out which, and keep it unread.
      const [only] = raws;
      if (raws.length === 1 && only) return [packMail(unreadable(only, error))];
      const prepared: PackedMail[] = [];
      for (const raw of raws) prepared.push(...(await this.#run([raw])));
      return prepared;
    }
  }
}

function* groups(raws: Buffer[]): Iterable<Buffer[]> {
  let group: Buffer[] = [];
  let bytes = 0;
  for (const raw of raws) {
    if (group.length > 0 && (group.length >= TASK_MAILS || bytes + raw.length > TASK_BYTES)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(raw);
    bytes += raw.length;
  }
  if (group.length > 0) yield group;
}

/** What is kept of a mail that no parser survived. */
function unreadable(raw: Buffer, error: unknown): PreparedMail {
  const reason = error instanceof Error && error.name === 'AbortError' ? 'took too long' : 'broke the parser';
  return {
    messageId: null,
    inReplyTo: null,
    references: [],
    subject: '',
    subjectKey: null,
    isReply: false,
    threadKeys: [],
    from: [],
    to: [],
    cc: [],
    bcc: [],
    replyTo: [],
    sender: null,
    participants: [],
    sentDate: null,
    snippet: '',
    attachments: [],
    hasAttachment: false,
    size: raw.length,
    sha256: hash('sha256', raw, 'buffer'),
    fingerprint: fingerprint(raw),
    parseError: `parsing ${reason}`,
    search: EMPTY_DOCUMENT,
    body: zstd(Buffer.alloc(0)),
    headers: zstd(Buffer.from('[]')),
  };
}
