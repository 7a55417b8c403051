/** A folder as far as rules about membership look at it. */
export interface KnownFolder {
  id: string;
  /** RFC 6154 use, or null. */
  specialUse: string | null;
}

/** A membership that may not be, in words for the caller. */
export class MembershipError extends Error {
  override name = 'MembershipError';
}

/** A message bears exactly one of these. */
const BASES = new Set<string | null>(['\\All', '\\Trash', '\\Junk']);
/** What adding one label takes away. */
const EXCLUDES: Record<string, string[]> = {
  '\\All': ['\\Trash', '\\Junk'],
  '\\Trash': ['\\All', '\\Junk', '\\Inbox'],
  '\\Junk': ['\\All', '\\Trash', '\\Inbox'],
  '\\Inbox': ['\\Trash', '\\Junk'],
};
/** Labels that say what a message is, not where it lies. */
const FIXED = new Set<string | null>(['\\Drafts', '\\Sent']);

/**
 * The labels that a message has after it was asked to have just the wanted ones: one of All Mail, Trash and Spam;
 * Trash and Spam take it out of the inbox, and the inbox out of them (contract-platform 9.8). Throws MembershipError.
 * `known`: all labels of the mailbox, among which All Mail is found when the inbox needs it.
 */
export function labelRules(
  current: KnownFolder[],
  wanted: KnownFolder[],
  known: KnownFolder[],
): KnownFolder[] {
  const had = new Set(current.map((f) => f.id));
  const asked = new Set(wanted.map((f) => f.id));
  const added = wanted.filter((f) => !had.has(f.id));
  const removed = current.filter((f) => !asked.has(f.id));
  if ([...added, ...removed].some((f) => FIXED.has(f.specialUse)))
    throw new MembershipError('The labels "drafts" and "sent" cannot be changed.');
  if (added.filter((f) => BASES.has(f.specialUse)).length > 1)
    throw new MembershipError('Only one of "all", "trash" or "spam" can be added.');
  const excluded = new Set(added.flatMap((f) => EXCLUDES[f.specialUse ?? ''] ?? []));
  const kept = wanted.filter((f) => had.has(f.id) && !excluded.has(f.specialUse ?? ''));
  const result = [...kept, ...added.filter((f) => !(f.specialUse === '\\Inbox' && excluded.has('\\Inbox')))];
  if (result.some((f) => BASES.has(f.specialUse))) return result;
  // Taking away the only base does nothing by itself.
  const base = current.find((f) => BASES.has(f.specialUse) && !excluded.has(f.specialUse ?? ''));
  const fallback = base ?? known.find((f) => f.specialUse === '\\All');
  return fallback ? [...result, fallback] : result;
}
