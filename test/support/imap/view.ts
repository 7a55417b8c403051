/** What one session believes about its selected folder, and the lines that bring it up to date. */
import type { ModelFolder, ModelMessage } from './model.ts';
import { toSet } from './tokens.ts';

export class FolderView {
  readonly folder: ModelFolder;
  readonly readOnly: boolean;
  uidValidity: number;
  /** UID and last told mod-sequence of each message, in the order of sequence numbers. */
  rows: { uid: number; modseq: number }[];

  constructor(folder: ModelFolder, readOnly: boolean) {
    this.folder = folder;
    this.readOnly = readOnly;
    this.uidValidity = folder.uidValidity;
    this.rows = folder.messages.map(({ uid, modseq }) => ({ uid, modseq }));
  }

  uids(): number[] {
    return this.rows.map((row) => row.uid);
  }

  /** Messages that are both known to the client and still there, with their sequence numbers. */
  *present(): Generator<[sequence: number, message: ModelMessage]> {
    const messages = new Map(this.folder.messages.map((message) => [message.uid, message]));
    for (const [index, { uid }] of this.rows.entries()) {
      const message = messages.get(uid);
      if (message) yield [index + 1, message];
    }
  }

  /** Marks what the client has just been told about a message. */
  told(sequence: number, message: ModelMessage): void {
    const row = this.rows[sequence - 1];
    if (row) row.modseq = message.modseq;
  }

  /** Untagged lines for everything that changed; `expunges` false holds removals back (RFC 3501, 7.4.1). */
  update(options: { qresync: boolean; modseq: boolean; expunges: boolean }): string[] {
    const lines: string[] = [];
    if (this.folder.uidValidity !== this.uidValidity) {
      this.uidValidity = this.folder.uidValidity;
      this.rows = this.folder.messages.map(({ uid, modseq }) => ({ uid, modseq }));
      return [`* OK [UIDVALIDITY ${this.uidValidity}] UIDVALIDITY changed`, `* ${this.rows.length} EXISTS`];
    }
    const messages = new Map(this.folder.messages.map((message) => [message.uid, message]));
    if (options.expunges) {
      const gone: number[] = [];
      for (let index = this.rows.length - 1; index >= 0; index--) {
        const uid = this.rows[index]?.uid ?? 0;
        if (messages.has(uid)) continue;
        gone.push(uid);
        if (!options.qresync) lines.push(`* ${index + 1} EXPUNGE`);
        this.rows.splice(index, 1);
      }
      if (options.qresync && gone.length > 0) lines.push(`* VANISHED ${toSet(gone)}`);
    }
    for (const [index, row] of this.rows.entries()) {
      const message = messages.get(row.uid);
      if (!message || message.modseq === row.modseq) continue;
      row.modseq = message.modseq;
      const modseq = options.modseq ? ` MODSEQ (${message.modseq})` : '';
      lines.push(`* ${index + 1} FETCH (UID ${row.uid} FLAGS (${[...message.flags].join(' ')})${modseq})`);
    }
    const last = this.rows.at(-1)?.uid ?? 0;
    const fresh = this.folder.messages.filter((message) => message.uid > last);
    if (fresh.length > 0) {
      this.rows.push(...fresh.map(({ uid, modseq }) => ({ uid, modseq })));
      lines.push(`* ${this.rows.length} EXISTS`);
    }
    return lines;
  }
}
