import type { ImapFlow } from 'imapflow';
import type { Hint } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { connectionEnd, type ImapHooks, type ImapTimings, withDeadline } from './connection.ts';
import { select } from './select.ts';
import { SelectedFolder } from './selected-folder.ts';

/** An IDLE that is about to begin is asked again after this long whether it can be ended, in ms. */
const IDLE_STEP_MS = 2;

/**
 * Holds a connection in IDLE (RFC 2177) on one folder and tells of every sign of change; with NOTIFY
 * (RFC 5465) of all folders. Others may borrow the connection in between: its folder is already selected.
 */
export class Watcher {
  readonly path: string;
  ready = false;
  /** The connection was needed for work. */
  givenUp = false;
  readonly #client: ImapFlow;
  /** Rejects when the connection ends. */
  readonly #broken: Promise<never>;
  readonly #timings: ImapTimings;
  readonly #onHint: (hint: Hint) => void;
  readonly #signal: AbortSignal;
  #turn: Promise<void> = Promise.resolve();
  #borrowers = 0;
  /** From the decision to IDLE until it has ended. */
  #idling = false;

  constructor(
    client: ImapFlow,
    path: string,
    timings: ImapTimings,
    onHint: (hint: Hint) => void,
    signal: AbortSignal,
  ) {
    this.#client = client;
    this.#broken = connectionEnd(client);
    this.#timings = timings;
    this.path = path;
    this.#onHint = onHint;
    this.#signal = signal;
  }

  /** Watches until the signal aborts or the connection ends; always throws. */
  async run(onReady: () => void): Promise<void> {
    const client = this.#client;
    const stop = () => client.close();
    this.#signal.addEventListener('abort', stop, { once: true });
    try {
      await select(client, this.path, this.#timings, this.#signal, () => {});
      const changed = (what: 'arrivals' | 'state') => () =>
        this.#onHint({ kind: 'changed', path: this.path, what });
      this.#hearExists(changed('arrivals'));
      for (const event of ['expunge', 'flags', 'vanished', 'highestModseq'])
        client.on(event, changed('state'));
      const all = await this.#notifyAll();
      this.ready = true;
      onReady();
      this.#onHint({ kind: 'watching', all });
      while (!this.#signal.aborted && client.usable) {
        await this.#turn;
        if (this.#borrowers > 0) continue;
        this.#idling = true;
        try {
          await Promise.race([client.idle(), this.#broken]);
        } finally {
          this.#idling = false;
        }
        // A server that ends or refuses IDLE at once must not make us spin.
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.#signal.throwIfAborted();
      throw new ProviderError('network', 'The server closed the watching connection.');
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error;
    } finally {
      this.ready = false;
      this.#signal.removeEventListener('abort', stop);
    }
  }

  /** Ends watching: the server allows too few connections, and work comes first. */
  giveUp(): void {
    this.givenUp = true;
    this.#client.close();
  }

  /** Runs commands on the watching connection; IDLE steps aside and comes back. */
  async use<T>(work: (client: ImapFlow) => Promise<T>): Promise<T> {
    const done = await this.#take();
    try {
      return await work(this.#client);
    } finally {
      done();
    }
  }

  /** The watched folder, without a SELECT; the caller closes it. */
  async borrow(signal: AbortSignal): Promise<SelectedFolder> {
    const done = await this.#take();
    try {
      // NOOP brings the session's view up to date. STATUS would tell of a later state than this view shows, and a
      // cursor made from both would step over mail.
      await withDeadline(this.#client, this.#timings.command, signal, 'NOOP', () => this.#client.noop());
      const box = this.#client.mailbox;
      if (!box || box.path !== this.path)
        return await select(this.#client, this.path, this.#timings, signal, done);
      return new SelectedFolder(
        this.#client,
        this.path,
        {
          uidValidity: Number(box.uidValidity || 1),
          uidNext: null,
          exists: box.exists,
          highestModseq: box.noModseq || !box.highestModseq ? 0 : null,
        },
        this.#timings,
        signal,
        done,
      );
    } catch (error) {
      done();
      throw error;
    }
  }

  /** Waits for the connection to be free of other borrowers; the returned function gives it back. */
  async #take(): Promise<() => void> {
    const before = this.#turn;
    let done: () => void = () => {};
    let taken = true;
    const held = new Promise<void>((resolve) => {
      done = () => {
        if (!taken) return;
        taken = false;
        this.#borrowers -= 1;
        resolve();
      };
    });
    this.#borrowers += 1;
    this.#turn = before.then(() => held);
    await before;
    await this.#endIdle();
    return done;
  }

  /**
   * Brings IDLE to its end before anything else is sent. The library does so by itself only for an IDLE that is under
   * way: a command that comes while one is about to begin would wait behind it until it is renewed.
   */
  async #endIdle(): Promise<void> {
    const hooks = this.#client as unknown as ImapHooks;
    while (this.#idling && this.#client.usable) {
      if (typeof hooks.preCheck === 'function')
        await Promise.race([hooks.preCheck(), this.#broken]).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, IDLE_STEP_MS));
    }
  }

  /** Every EXISTS is a hint, also one with a count that the library knows already from a STATUS. */
  #hearExists(onExists: () => void): void {
    const hooks = this.#client as unknown as ImapHooks;
    const known = hooks.untaggedHandlers.EXISTS;
    hooks.untaggedHandlers.EXISTS = async (untagged) => {
      await known?.(untagged);
      onExists();
    };
  }

  /** Asks for word of every folder; false when the server has no NOTIFY or will not. */
  async #notifyAll(): Promise<boolean> {
    if (!this.#client.capabilities.has('NOTIFY')) return false;
    const hooks = this.#client as unknown as ImapHooks;
    const atom = (value: string) => ({ type: 'ATOM', value });
    const messages = [atom('MessageNew'), atom('MessageExpunge'), atom('FlagChange')];
    hooks.untaggedHandlers.STATUS = async () => this.#onHint({ kind: 'changed', path: null, what: 'state' });
    hooks.untaggedHandlers.LIST = async () => this.#onHint({ kind: 'changed', path: null, what: 'state' });
    try {
      await withDeadline(this.#client, this.#timings.command, this.#signal, 'NOTIFY', async () => {
        const response = await hooks.exec('NOTIFY', [
          atom('SET'),
          [atom('SELECTED'), messages],
          [atom('PERSONAL'), [...messages, atom('MailboxName')]],
        ]);
        response.next();
      });
      return true;
    } catch (error) {
      if (this.#client.usable) return false;
      throw error;
    }
  }
}
