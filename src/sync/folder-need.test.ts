import { expect, it } from 'vitest';
import type { FolderStatus } from '../providers/provider.ts';
import type { FolderCursor } from '../store/folder-cursors.ts';
import { DEFAULT_TIMINGS } from './context.ts';
import { needOf } from './folder-need.ts';
import type { FolderState } from './folder-state.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const minutesAgo = (minutes: number) => new Date(NOW - minutes * 60_000);

const STATUS: FolderStatus = { uidValidity: 7, uidNext: 11, messages: 10, unseen: 2, highestModseq: 50 };

/** What a folder of ten mails needs that is in step but for what is given. */
function need({
  status = {},
  cursor = {},
  state = {},
  due = false,
}: {
  status?: Partial<FolderStatus>;
  cursor?: Partial<FolderCursor>;
  state?: Partial<FolderState>;
  due?: boolean;
}) {
  const folder = {
    row: { totalCount: 10, unreadCount: 2 },
    status: { ...STATUS, ...status },
    cursor: {
      uidValidity: 7,
      uidNext: 11,
      backfillUid: 1,
      highestModseq: 50,
      reconciledAt: minutesAgo(1),
      ...cursor,
    },
    seen: null,
    stale: false,
    ...state,
  } as FolderState;
  return needOf(folder, { due, now: NOW, timings: { ...DEFAULT_TIMINGS, scan: 5 * 60_000 } });
}

const NO_MODSEQ = { highestModseq: null };

it.each([
  ['nothing when its STATUS tells of nothing', {}, null],
  ['a look when it was never read', { state: { cursor: null } }, 'look'],
  ['a look when the server says nothing of it', { state: { status: null } }, 'look'],
  ['a look when mails of it are to be tried again', { due: true }, 'look'],
  ['a look for a new UIDVALIDITY', { status: { uidValidity: 8 } }, 'look'],
  ['a look for new mail', { status: { uidNext: 12, messages: 11 } }, 'look'],
  ['a look for a change of flags', { status: { highestModseq: 51 } }, 'look'],
  ['all when mail is missing', { status: { messages: 9 } }, 'full'],
  [
    'nothing when what is missing was looked for',
    { status: { messages: 9 }, state: { seen: { ...STATUS, messages: 9 } } },
    null,
  ],
  [
    'nothing when mail seems to be missing whose history is still read',
    { status: { messages: 9 }, cursor: { backfillUid: 5 } },
    null,
  ],
  ['all when it was compared long ago', { cursor: { reconciledAt: minutesAgo(61) } }, 'full'],
  ['nothing after a while with modification sequences', { cursor: { reconciledAt: minutesAgo(6) } }, null],
  ['all after a while without', { status: NO_MODSEQ, cursor: { reconciledAt: minutesAgo(6) } }, 'full'],
  ['all for another count of unread mail without', { status: { ...NO_MODSEQ, unseen: 3 } }, 'full'],
] as const)('a folder needs %s', (_what, given, wanted) => {
  expect(need(given as Parameters<typeof need>[0])).toBe(wanted);
});
