import { Readable } from 'node:stream';
import type { ImapFlow } from 'imapflow';
import { spareConnections } from '../../platform/open-files.ts';
import type {
  Account,
  ByteRange,
  EditableFolder,
  FolderName,
  Hint,
  Mailbox,
  MailboxTraits,
  OpenFolder,
  RemoteFolder,
  RemoteLocation,
  WatchRequest,
} from '../provider.ts';
import { ProviderError } from '../provider.ts';
import {
  connect,
  DEFAULT_IMAP_TIMINGS,
  type Dialer,
  type ImapTimings,
  MAX_MESSAGE_BYTES,
  withDeadline,
} from './connection.ts';
import { openForEditing } from './editable-folder.ts';
import { createFolder, deleteFolder, renameFolder } from './folder-changes.ts';
import { listFolders } from './folders.ts';
import { readQuery } from './search.ts';
import { select } from './select.ts';
import { SelectedFolder } from './selected-folder.ts';
import type { ImapSecret, ImapSettings } from './settings.ts';
import { Watcher } from './watch.ts';

/** Connections for work beside the watching one: history and live side by side, and reads for the API. */
const MAX_WORK_CONNECTIONS = 3;

/** A server may count a connection of ours for this long after it was closed, in ms. */
const LINGER_MS = 5_000;
/** Refused logins that are taken for a limit of connections, and the wait after each, in ms. */
const MAX_REFUSED = 4;
const REFUSED_WAIT_MS = 200;

interface WorkConnection {
  client: ImapFlow | null;
  busy: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** A mailbox over IMAP: one watching connection, and a few for work that come and go. */
export class ImapMailbox implements Mailbox {
  readonly #account: Account<ImapSettings, ImapSecret>;
  readonly #dialer: Dialer;
  readonly #timings: ImapTimings;
  readonly #closed = new AbortController();
  readonly #work: WorkConnection[] = [];
  readonly #waiting: (() => void)[] = [];
  /** Lowered when the server allows fewer connections than we would like. */
  #maxWork = MAX_WORK_CONNECTIONS;
  #watcher: Watcher | null = null;
  /** Logins come one after the other, so that each knows which connections stand. */
  #login: Promise<unknown> = Promise.resolve();
  readonly #open = new Set<ImapFlow>();
  #lastClosed = Number.NEGATIVE_INFINITY;

  constructor(
    account: Account<ImapSettings, ImapSecret>,
    dialer: Dialer,
    timings: Partial<ImapTimings> = {},
  ) {
    this.#account = account;
    this.#dialer = dialer;
    this.#timings = { ...DEFAULT_IMAP_TIMINGS, ...timings };
  }

  async folders(signal: AbortSignal, known: string[] = []): Promise<RemoteFolder[]> {
    const ended = this.#until(signal);
    const watcher = this.#watcher;
    if (watcher?.ready) {
      return watcher.use(async (client) => {
        // RFC 9051 6.3.11: STATUS of the selected folder answers from what the session has been told; NOOP has it told.
        await withDeadline(client, this.#timings.command, ended, 'NOOP', () => client.noop());
        return listFolders(client, this.#timings, ended, { known });
      });
    }
    return this.#withWork(ended, (client) => listFolders(client, this.#timings, ended, { known }));
  }

  async open(path: string, signal: AbortSignal, quick = false): Promise<OpenFolder> {
    const ended = this.#until(signal);
    if (quick && this.#watcher?.ready && this.#watcher.path === path) return this.#watcher.borrow(ended);
    const work = await this.#acquire(ended);
    try {
      return await select(work.client as ImapFlow, path, this.#timings, ended, () => this.#release(work));
    } catch (error) {
      this.#release(work);
      throw error;
    }
  }

  async watch(request: WatchRequest, onHint: (hint: Hint) => void, signal: AbortSignal): Promise<void> {
    const ended = this.#until(signal);
    for (;;) {
      let client: ImapFlow;
      try {
        client = await this.#connect(ended);
      } catch (error) {
        // The server allows no connection beside those for work: do without hints for a while.
        if (ended.aborted || !this.#hadConnections()) throw error;
        await pause(this.#timings.watchAgain, ended);
        continue;
      }
      const watcher = new Watcher(client, request.path, this.#timings, onHint, ended);
      try {
        await watcher.run(() => {
          this.#watcher = watcher;
        });
      } catch (error) {
        if (ended.aborted || !watcher.givenUp) throw error;
      } finally {
        if (this.#watcher === watcher) this.#watcher = null;
        client.close();
      }
      await pause(this.#timings.watchAgain, ended);
    }
  }

  async fetchRaw(location: RemoteLocation, range: ByteRange | null, signal: AbortSignal): Promise<Readable> {
    const folder = await this.open(location.path, signal);
    // The selected folder releases its connection when the stream has ended, however it ends.
    try {
      if (folder.uidValidity !== location.uidValidity) {
        throw new ProviderError(
          'changed',
          'The folder has a new UIDVALIDITY; its messages are being matched anew.',
        );
      }
      if (!(folder instanceof SelectedFolder)) throw new Error('not an IMAP folder');
      const stream = Readable.from(
        folder.raw(location.uid, range ?? { offset: 0, length: MAX_MESSAGE_BYTES }),
        {
          objectMode: false,
        },
      );
      stream.once('close', () => void folder.close());
      return stream;
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  async search(
    path: string,
    query: string,
    signal: AbortSignal,
  ): Promise<{ uidValidity: number; uids: number[] }> {
    const criteria = readQuery(query);
    const folder = await this.open(path, signal);
    try {
      if (!(folder instanceof SelectedFolder)) throw new Error('not an IMAP folder');
      return { uidValidity: folder.uidValidity, uids: await folder.search(criteria) };
    } finally {
      await folder.close();
    }
  }

  async edit(path: string, signal: AbortSignal): Promise<EditableFolder> {
    const ended = this.#until(signal);
    const work = await this.#acquire(ended);
    try {
      return await openForEditing(work.client as ImapFlow, path, this.#timings, ended, () =>
        this.#release(work),
      );
    } catch (error) {
      this.#release(work);
      throw error;
    }
  }

  createFolder(at: FolderName, specialUse: string | null, signal: AbortSignal): Promise<RemoteFolder[]> {
    const ended = this.#until(signal);
    return this.#withWork(ended, (client) => createFolder(client, at, specialUse, this.#timings, ended));
  }

  renameFolder(path: string, to: FolderName, signal: AbortSignal): Promise<RemoteFolder[]> {
    const ended = this.#until(signal);
    return this.#withWork(ended, (client) => renameFolder(client, path, to, this.#timings, ended));
  }

  deleteFolder(path: string, signal: AbortSignal): Promise<void> {
    const ended = this.#until(signal);
    return this.#withWork(ended, (client) => deleteFolder(client, path, this.#timings, ended));
  }

  traits(signal: AbortSignal): Promise<MailboxTraits> {
    const ended = this.#until(signal);
    return this.#withWork(ended, async (client) => ({ labels: client.capabilities.has('X-GM-EXT-1') }));
  }

  async close(): Promise<void> {
    this.#closed.abort(new ProviderError('network', 'The mailbox was closed.'));
    for (const work of this.#work) {
      clearTimeout(work.timer);
      work.client?.close();
    }
  }

  #until(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closed.signal]);
  }

  async #withWork<T>(signal: AbortSignal, use: (client: ImapFlow) => Promise<T>): Promise<T> {
    const work = await this.#acquire(signal);
    try {
      return await use(work.client as ImapFlow);
    } finally {
      this.#release(work);
    }
  }

  async #acquire(signal: AbortSignal): Promise<WorkConnection> {
    for (let refused = 0; ; ) {
      signal.throwIfAborted();
      const idle = this.#work.find((w) => !w.busy && w.client?.usable) ?? this.#work.find((w) => !w.busy);
      const work =
        idle ?? (this.#work.length < this.#maxWork ? { client: null, busy: false, timer: undefined } : null);
      if (work) {
        if (!idle) this.#work.push(work);
        work.busy = true;
        clearTimeout(work.timer);
        try {
          if (!work.client?.usable) {
            work.client?.close();
            work.client = await this.#connect(signal);
          }
          return work;
        } catch (error) {
          const limited = this.#hadConnections();
          this.#drop(work);
          refused += 1;
          if (signal.aborted || !limited || refused > MAX_REFUSED) throw error;
          // "Too many connections" comes as a refused login or a BYE: others of ours are open, so wait for one.
          const others = this.#work.filter((w) => w.client?.usable).length;
          this.#maxWork = Math.max(1, others);
          if (others === 0) {
            // Work comes before watching: without hints the sync is slow, without work there is none.
            this.#watcher?.giveUp();
            await pause(REFUSED_WAIT_MS * refused, signal);
            continue;
          }
        }
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.push(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  #connect(signal: AbortSignal): Promise<ImapFlow> {
    const connected = this.#login.then(async () => {
      // What the system would refuse a moment later, when nothing is left for those who ask for the API either.
      if (spareConnections() <= 0)
        throw new ProviderError('busy', 'There are too many open connections.', { code: 'EMFILE' });
      const client = await connect(this.#account, this.#dialer, signal, { timings: this.#timings });
      this.#open.add(client);
      client.once('close', () => {
        this.#open.delete(client);
        this.#lastClosed = performance.now();
      });
      return client;
    });
    this.#login = connected.catch(() => {});
    return connected;
  }

  /** Whether a refused login may mean that there are connections of ours already; some servers count late. */
  #hadConnections(): boolean {
    return this.#open.size > 0 || performance.now() - this.#lastClosed < LINGER_MS;
  }

  #release(work: WorkConnection): void {
    if (!work.busy) return;
    work.busy = false;
    if (!work.client?.usable) {
      this.#drop(work);
    } else {
      work.timer = setTimeout(() => this.#drop(work), this.#timings.workIdle);
      work.timer.unref();
    }
    this.#waiting.shift()?.();
  }

  #drop(work: WorkConnection): void {
    clearTimeout(work.timer);
    work.client?.close();
    work.client = null;
    work.busy = false;
    const at = this.#work.indexOf(work);
    if (at >= 0) this.#work.splice(at, 1);
    this.#waiting.shift()?.();
  }
}

/** Waits; throws when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
