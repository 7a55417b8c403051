import type { ImapFlow, MailboxObject } from 'imapflow';
import { encodePath } from 'imapflow/lib/tools.js';
import type { EditableFolder, FlagChange, Landed, RemoteFlags } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import {
  closedByServer,
  type ImapHooks,
  type ImapTimings,
  type UntaggedResponse,
  withDeadline,
} from './connection.ts';
import { readFlags } from './flags.ts';
import { readUidSet, uidSet } from './uid-set.ts';

/** Messages that one command names: keeps command lines far below the 8,000 octets that servers take. */
const BATCH = 500;

const FLAG_NAMES = { seen: '\\Seen', flagged: '\\Flagged' } as const;

/** SELECTs a folder for writing (RFC 9051 6.3.2); one that is read-only there is refused. */
export async function openForEditing(
  client: ImapFlow,
  path: string,
  timings: ImapTimings,
  signal: AbortSignal,
  release: () => void,
): Promise<EditableFolder> {
  const box: MailboxObject | undefined = await withDeadline(client, timings.select, signal, 'SELECT', () =>
    client.mailboxOpen(path),
  );
  // The library gives nothing when the server says BYE in mid-command.
  if (!box) throw closedByServer(client);
  if (box.readOnly)
    throw new ProviderError('folder_refused', 'The server opens this folder for reading only.');
  return new ImapEditableFolder(client, box, timings, signal, release);
}

/** Changes in one selected folder. Commands go out by our own hand, so that a refusal comes back in the server's words. */
class ImapEditableFolder implements EditableFolder {
  readonly path: string;
  readonly uidValidity: number;
  readonly #client: ImapFlow;
  readonly #box: MailboxObject;
  readonly #timings: ImapTimings;
  readonly #signal: AbortSignal;
  readonly #release: () => void;

  constructor(
    client: ImapFlow,
    box: MailboxObject,
    timings: ImapTimings,
    signal: AbortSignal,
    release: () => void,
  ) {
    this.#client = client;
    this.#box = box;
    this.#timings = timings;
    this.#signal = signal;
    this.#release = release;
    this.path = box.path;
    this.uidValidity = Number(box.uidValidity || 1);
  }

  async flagsOf(uids: number[]): Promise<RemoteFlags[]> {
    const asked = new Set(uids);
    const found = new Map<number, RemoteFlags>();
    for (const batch of batches(uids)) {
      await this.#within('UID FETCH', async () => {
        for await (const row of this.#client.fetch(
          uidSet(batch),
          { uid: true, flags: true },
          { uid: true },
        )) {
          if (row.uid && row.flags && asked.has(row.uid))
            found.set(row.uid, { uid: row.uid, flags: readFlags(row.flags) });
        }
      });
    }
    return [...found.values()];
  }

  async setFlags(uids: number[], change: FlagChange): Promise<void> {
    for (const [name, flag] of Object.entries(FLAG_NAMES) as [keyof FlagChange, string][]) {
      const wanted = change[name];
      if (wanted === undefined) continue;
      this.#assertPermanent(flag);
      for (const batch of batches(uids)) await this.#store(batch, wanted ? '+FLAGS' : '-FLAGS', flag);
    }
  }

  async copy(uids: number[], toPath: string): Promise<Landed> {
    return this.#transfer('UID COPY', uids, toPath);
  }

  get canMove(): boolean {
    return this.#client.capabilities.has('MOVE');
  }

  async move(uids: number[], toPath: string): Promise<Landed> {
    return this.#transfer('UID MOVE', uids, toPath);
  }

  async remove(uids: number[]): Promise<void> {
    this.#assertPermanent('\\Deleted');
    for (const batch of batches(uids)) {
      await this.#store(batch, '+FLAGS.SILENT', '\\Deleted');
      if (this.#client.capabilities.has('UIDPLUS')) {
        await this.#exec('UID EXPUNGE', [{ type: 'SEQUENCE', value: uidSet(batch) }]);
      } else await this.#expungeOnly(batch);
    }
  }

  async close(): Promise<void> {
    this.#release();
  }

  /**
   * EXPUNGE takes all that is marked \Deleted (RFC 3501 6.4.3), also by others, who may still want it back: their
   * marks are taken off for that moment.
   */
  async #expungeOnly(uids: number[]): Promise<void> {
    const ours = new Set(uids);
    const marked = await this.#within('UID SEARCH', () =>
      this.#client.search({ deleted: true }, { uid: true }),
    );
    const others = (Array.isArray(marked) ? marked : []).filter((uid) => !ours.has(uid));
    for (const batch of batches(others)) await this.#store(batch, '-FLAGS.SILENT', '\\Deleted');
    await this.#exec('EXPUNGE', false);
    for (const batch of batches(others)) await this.#store(batch, '+FLAGS.SILENT', '\\Deleted');
  }

  async #transfer(command: 'UID COPY' | 'UID MOVE', uids: number[], toPath: string): Promise<Landed> {
    const landed: Landed = { uidValidity: null, uids: new Map() };
    for (const batch of batches(uids)) {
      await this.#exec(
        command,
        [
          { type: 'SEQUENCE', value: uidSet(batch) },
          { type: 'ATOM', value: encodePath(this.#client, toPath) },
        ],
        (response) => readCopyUid(response, landed),
      );
    }
    return landed;
  }

  #store(uids: number[], operation: string, flag: string): Promise<void> {
    return this.#exec('UID STORE', [
      { type: 'SEQUENCE', value: uidSet(uids) },
      { type: 'ATOM', value: operation },
      [{ type: 'ATOM', value: flag }],
    ]);
  }

  async #exec(
    command: string,
    attributes: unknown[] | false,
    onResponse: (response: UntaggedResponse) => void = () => {},
  ): Promise<void> {
    const hooks = this.#client as unknown as ImapHooks;
    await this.#within(command, async () => {
      const done = await hooks.exec(command, attributes, { untagged: { OK: async (ok) => onResponse(ok) } });
      onResponse(done.response);
      done.next();
    });
  }

  /** RFC 9051 7.1: a flag that is not permanent would be gone with the session, while we said it was set. */
  #assertPermanent(flag: string): void {
    const permanent = this.#box.permanentFlags;
    if (!permanent || [...permanent].some((f) => f.toLowerCase() === flag.toLowerCase())) return;
    throw new ProviderError('folder_refused', `The server does not keep the flag ${flag} in this folder.`);
  }

  #within<T>(what: string, work: () => Promise<T>): Promise<T> {
    const selected = this.#client.mailbox;
    if (!selected || selected.path !== this.path)
      throw new ProviderError('network', 'The folder is no longer selected on this connection.');
    return withDeadline(this.#client, this.#timings.fetch, this.#signal, what, work);
  }
}

function* batches(uids: number[]): Iterable<number[]> {
  for (let i = 0; i < uids.length; i += BATCH) yield uids.slice(i, i + BATCH);
}

/** COPYUID (RFC 4315 3): the old and the new UIDs pair up by their place in the two sets. */
function readCopyUid(response: UntaggedResponse, landed: Landed): void {
  const section = response.attributes?.[0]?.section ?? [];
  const [code, validity, from, to] = section.map((item) => item?.value);
  if (typeof code !== 'string' || code.toUpperCase() !== 'COPYUID') return;
  if (typeof from !== 'string' || typeof to !== 'string') return;
  const source = readUidSet(from);
  const target = readUidSet(to);
  const uidValidity = Number(validity);
  if (!source || !target || source.length !== target.length || !(uidValidity > 0)) return;
  if (landed.uidValidity !== null && landed.uidValidity !== uidValidity) return;
  landed.uidValidity = uidValidity;
  for (const [i, uid] of source.entries()) landed.uids.set(uid, target[i] as number);
}
