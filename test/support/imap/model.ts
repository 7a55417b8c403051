/** The mailbox that a scripted IMAP server shows: folders, messages, and changes while it runs. */
export interface ModelMessage {
  uid: number;
  raw: Buffer;
  flags: Set<string>;
  internalDate: Date;
  modseq: number;
  emailId: string;
  threadId: string;
  gmMsgId: string;
  gmThreadId: string;
  gmLabels: string[];
}

export interface ModelFolder {
  name: string;
  uidValidity: number;
  uidNext: number;
  /** Attributes for LIST, such as `\Sent` or `\Noselect`. */
  attributes: string[];
  mailboxId: string;
  messages: ModelMessage[];
  /** Gone UIDs with the mod-sequence at which they went. */
  vanished: { uid: number; modseq: number }[];
  highestModseq: number;
}

export interface MessageInit {
  flags?: string[];
  internalDate?: Date;
  uid?: number;
  emailId?: string;
  threadId?: string;
  gmMsgId?: string;
  gmThreadId?: string;
  gmLabels?: string[];
}

export class MailModel {
  readonly folders = new Map<string, ModelFolder>();
  readonly #listeners = new Set<() => void>();
  #modseq = 1;
  #serial = 0;

  /** Makes a folder; names are as people read them, not as the wire has them. */
  createFolder(name: string, attributes: string[] = [], uidValidity?: number): ModelFolder {
    const key = folderKey(name);
    if (this.folders.has(key)) throw new Error(`folder exists: ${name}`);
    const serial = ++this.#serial;
    const folder: ModelFolder = {
      name: key,
      uidValidity: uidValidity ?? 1_700_000_000 + serial,
      uidNext: 1,
      attributes,
      mailboxId: `F${serial}`,
      messages: [],
      vanished: [],
      highestModseq: this.#modseq,
    };
    this.folders.set(key, folder);
    this.#changed();
    return folder;
  }

  deleteFolder(name: string): void {
    this.folders.delete(this.folder(name).name);
    this.#changed();
  }

  find(name: string): ModelFolder | undefined {
    return this.folders.get(folderKey(name));
  }

  folder(name: string): ModelFolder {
    const found = this.find(name);
    if (!found) throw new Error(`no such folder: ${name}`);
    return found;
  }

  deliver(name: string, raw: Buffer | string, init: MessageInit = {}): ModelMessage {
    const folder = this.folder(name);
    const serial = ++this.#serial;
    const uid = init.uid ?? folder.uidNext;
    const message: ModelMessage = {
      uid,
      raw: typeof raw === 'string' ? Buffer.from(raw) : raw,
      flags: new Set(init.flags),
      internalDate: init.internalDate ?? new Date(),
      modseq: this.#bump(folder),
      emailId: init.emailId ?? `M${serial}`,
      threadId: init.threadId ?? `T${serial}`,
      gmMsgId: init.gmMsgId ?? String(1_780_000_000_000_000_000n + BigInt(serial)),
      gmThreadId: init.gmThreadId ?? String(1_790_000_000_000_000_000n + BigInt(serial)),
      gmLabels: init.gmLabels ?? [],
    };
    folder.uidNext = Math.max(folder.uidNext, uid + 1);
    folder.messages.push(message);
    folder.messages.sort((a, b) => a.uid - b.uid);
    this.#changed();
    return message;
  }

  expunge(name: string, ...uids: number[]): void {
    const folder = this.folder(name);
    const gone = new Set(uids);
    const modseq = this.#bump(folder);
    for (const message of folder.messages) {
      if (gone.has(message.uid)) folder.vanished.push({ uid: message.uid, modseq });
    }
    folder.messages = folder.messages.filter((message) => !gone.has(message.uid));
    this.#changed();
  }

  setFlags(name: string, uid: number, flags: string[]): void {
    const folder = this.folder(name);
    const message = messageOf(folder, uid);
    message.flags = new Set(flags);
    message.modseq = this.#bump(folder);
    this.#changed();
  }

  setLabels(name: string, uid: number, labels: string[]): void {
    const folder = this.folder(name);
    const message = messageOf(folder, uid);
    message.gmLabels = labels;
    message.modseq = this.#bump(folder);
    this.#changed();
  }

  /** Moves a message; it gets a new UID and keeps its object ids. */
  moveMessage(from: string, uid: number, to: string): ModelMessage {
    const moved = this.copyMessage(from, uid, to);
    this.expunge(from, uid);
    return moved;
  }

  copyMessage(from: string, uid: number, to: string): ModelMessage {
    const { raw, flags, uid: _, modseq: __, ...rest } = messageOf(this.folder(from), uid);
    return this.deliver(to, raw, { ...rest, flags: [...flags] });
  }

  /** Renames a folder and what lies below it; some servers then change UIDVALIDITY. */
  renameFolder(from: string, to: string, delimiter = '/', newUidValidity = false): void {
    const source = this.folder(from);
    for (const folder of [...this.folders.values()]) {
      const below = folder.name.startsWith(`${from}${delimiter}`);
      if (folder !== source && !below) continue;
      this.folders.delete(folder.name);
      folder.name = folder === source ? to : `${to}${folder.name.slice(from.length)}`;
      this.folders.set(folder.name, folder);
      if (newUidValidity) this.changeUidValidity(folder.name);
    }
    this.#changed();
  }

  /** Gives the folder a new UIDVALIDITY; its messages get new UIDs from `firstUid` on. */
  changeUidValidity(name: string, uidValidity?: number, firstUid = 1): void {
    const folder = this.folder(name);
    folder.uidValidity = uidValidity ?? folder.uidValidity + 1000;
    folder.vanished = [];
    for (const [index, message] of folder.messages.entries()) {
      message.uid = firstUid + index;
      message.modseq = this.#bump(folder);
    }
    folder.uidNext = firstUid + folder.messages.length;
    this.#changed();
  }

  /** Calls back after each change; gives the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #bump(folder: ModelFolder): number {
    folder.highestModseq = ++this.#modseq;
    return this.#modseq;
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function messageOf(folder: ModelFolder, uid: number): ModelMessage {
  const found = folder.messages.find((message) => message.uid === uid);
  if (!found) throw new Error(`no UID ${uid} in ${folder.name}`);
  return found;
}

function folderKey(name: string): string {
  return name.toUpperCase() === 'INBOX' ? 'INBOX' : name;
}
