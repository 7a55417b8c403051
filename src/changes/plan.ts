import { type KnownFolder, MembershipError } from '../mail/labels.ts';
import { type MembershipPlan, planMembership } from '../mail/membership.ts';
import { invalidRequest } from '../platform/errors.ts';
import type { FlagChange } from '../providers/provider.ts';
import type { Copy } from '../store/changes.ts';
import type { FolderRow } from '../store/folders.ts';

/** What is to happen in one folder. */
export interface FolderWork {
  folderId: string;
  path: string;
  uidValidity: number;
  /** All copies that something happens to. */
  copies: Copy[];
  flags: FlagChange | null;
  copyTo: Map<string, Copy[]>;
  moveTo: Map<string, Copy[]>;
  remove: Copy[];
  /** Copies that go by themselves. */
  dropped: Copy[];
}

/** What a caller wants of some messages, with folders by id; `remove`: for good. */
export interface Wanted {
  flags: FlagChange | null;
  folderIds: string[] | null;
  remove: boolean;
  /** Messages that stay in their folders. */
  stay: ReadonlySet<string>;
}

/** Plans a change of messages, folder by folder, so that each folder is opened once. Throws a 400 for what may not be. */
export function planChange(
  copies: Copy[],
  wanted: Wanted,
  folders: FolderRow[],
  labels: boolean,
): Map<string, FolderWork> {
  const known = folders.map(({ id, specialUse }): KnownFolder => ({ id, specialUse }));
  const byId = new Map(known.map((f) => [f.id, f]));
  const target = wanted.folderIds?.map((id) => byId.get(id) as KnownFolder) ?? null;
  const works = new Map<string, FolderWork>();
  const workAt = (copy: Copy): FolderWork => {
    const key = `${copy.folderId}\0${copy.uidValidity}`;
    let work = works.get(key);
    if (!work) {
      const { folderId, path, uidValidity } = copy;
      work = {
        folderId,
        path,
        uidValidity,
        copies: [],
        flags: wanted.flags,
        copyTo: new Map(),
        moveTo: new Map(),
        remove: [],
        dropped: [],
      };
      works.set(key, work);
    }
    return work;
  };
  for (const [messageId, ofMessage] of Map.groupBy(copies, (copy) => copy.messageId)) {
    const plan =
      target && !wanted.stay.has(messageId) ? membership(ofMessage, target, labels ? known : null) : null;
    const at = (folderId: string) => ofMessage.find((copy) => copy.folderId === folderId) as Copy;
    for (const copy of ofMessage) {
      const work = workAt(copy);
      work.copies.push(copy);
      if (wanted.remove) work.remove.push(copy);
    }
    for (const { from, to } of plan?.copies ?? []) push(workAt(at(from)).copyTo, to, at(from));
    for (const { from, to } of plan?.moves ?? []) push(workAt(at(from)).moveTo, to, at(from));
    for (const from of plan?.removals ?? []) workAt(at(from)).remove.push(at(from));
    for (const from of plan?.dropped ?? []) workAt(at(from)).dropped.push(at(from));
  }
  return works;
}

function membership(copies: Copy[], target: KnownFolder[], labels: KnownFolder[] | null): MembershipPlan {
  try {
    return planMembership(
      copies.map((copy) => ({ id: copy.folderId, specialUse: copy.specialUse })),
      target,
      labels,
    );
  } catch (error) {
    if (error instanceof MembershipError) throw invalidRequest('folders', error.message);
    throw error;
  }
}

function push(map: Map<string, Copy[]>, key: string, copy: Copy): void {
  const list = map.get(key);
  if (list) list.push(copy);
  else map.set(key, [copy]);
}
