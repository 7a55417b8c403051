import { promisify } from 'node:util';
import { zstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { MessageHeader } from '../../model/message.ts';
import type { Sql } from '../../store/database.ts';
import { type BodyRow, getBodies } from '../../store/reads/message-rows.ts';
import type { Scope } from '../../store/scope.ts';

const inflate = promisify(zstdDecompress);

/** Nothing that we stored is larger; a damaged row must not fill the memory. */
const MAX_INFLATED = 128 * 1024 * 1024;

/** Most bodies are so small that going to another thread takes four times as long as opening them here. */
const SMALL = 16 * 1024;
const SMALL_INFLATED = 256 * 1024;

/** What of a message is read beside its row. */
export interface WantedParts {
  body: boolean;
  headers: 'none' | 'basic' | 'all';
  tracking: boolean;
}

export interface MessageText {
  body?: string;
  headers?: MessageHeader[];
}

const BASIC = new Set(['message-id', 'in-reply-to', 'references']);

/** Bodies still compressed, to be opened one by one so that a page can stop when it grows too large. */
export class Bodies {
  readonly #rows: Map<string, BodyRow>;
  readonly #wanted: WantedParts;

  private constructor(rows: Map<string, BodyRow>, wanted: WantedParts) {
    this.#rows = rows;
    this.#wanted = wanted;
  }

  /** Reads all of them in one statement. */
  static async read(sql: Sql, scope: Scope, messageIds: string[], wanted: WantedParts): Promise<Bodies> {
    const halves = { body: wanted.body, headers: wanted.headers !== 'none' };
    return new Bodies(await getBodies(sql, scope, messageIds, halves), wanted);
  }

  async open(messageId: string): Promise<MessageText> {
    const row = this.#rows.get(messageId);
    const text: MessageText = {};
    if (this.#wanted.body) text.body = await inflated(row?.body);
    if (this.#wanted.headers !== 'none') {
      const headers = JSON.parse((await inflated(row?.headers)) || '[]') as MessageHeader[];
      text.headers =
        this.#wanted.headers === 'all'
          ? headers
          : headers.filter(({ name }) => BASIC.has(name.toLowerCase()));
    }
    return text;
  }
}

async function inflated(bytes: Buffer | null | undefined): Promise<string> {
  if (!bytes || bytes.length === 0) return '';
  if (bytes.length <= SMALL) {
    try {
      return zstdDecompressSync(bytes, { maxOutputLength: SMALL_INFLATED }).toString('utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    }
  }
  return (await inflate(bytes, { maxOutputLength: MAX_INFLATED })).toString('utf8');
}
