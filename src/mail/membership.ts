import { type KnownFolder, labelRules, MembershipError } from './labels.ts';

/** What has to happen so that a message lies in just the folders that are wanted; each by folder id. */
export interface MembershipPlan {
  copies: { from: string; to: string }[];
  moves: { from: string; to: string }[];
  /** Copies to remove, once there is another. */
  removals: string[];
  /** Copies that go by themselves, because the provider keeps the rules of labels. */
  dropped: string[];
}

/** Where a copy that is removed is gone for good, also under rules of labels. */
const BINS = new Set<string | null>(['\\Trash', '\\Junk']);

/**
 * Plans how a message gets from the folders in which it lies into those that are wanted. In a mailbox of labels
 * (`labels`: all that it has) their rules have a say (labels.ts). Throws MembershipError with words for the caller.
 */
export function planMembership(
  current: KnownFolder[],
  wanted: KnownFolder[],
  labels: KnownFolder[] | null,
): MembershipPlan {
  if (wanted.length === 0)
    throw new MembershipError(`Removing all ${labels ? 'labels' : 'folders'} is not allowed.`);
  const target = labels ? labelRules(current, wanted, labels) : wanted;
  const targetIds = new Set(target.map((f) => f.id));
  const currentIds = new Set(current.map((f) => f.id));
  const entering = target.filter((f) => !currentIds.has(f.id));
  const leaving = current.filter((f) => !targetIds.has(f.id));
  const source = (current.find((f) => targetIds.has(f.id)) ?? current[0])?.id;
  if (source === undefined) throw new MembershipError('The message lies in no folder.');
  if (labels) return planLabels(source, entering, leaving);
  const moves = leaving
    .slice(0, entering.length)
    .map((from, i) => ({ from: from.id, to: (entering[i] as KnownFolder).id }));
  const copies = entering.slice(moves.length).map((to) => ({ from: source, to: to.id }));
  return { copies, moves, removals: leaving.slice(moves.length).map((f) => f.id), dropped: [] };
}

/** A copy puts a label on and a removal takes it off, but into a bin and out of it a message is moved. */
function planLabels(source: string, entering: KnownFolder[], leaving: KnownFolder[]): MembershipPlan {
  const into = entering.find((f) => BINS.has(f.specialUse));
  if (into) {
    const others = entering.filter((f) => f !== into);
    return {
      copies: others.map((to) => ({ from: source, to: to.id })),
      moves: [{ from: source, to: into.id }],
      removals: [],
      dropped: leaving.map((f) => f.id).filter((id) => id !== source),
    };
  }
  const outOf = leaving.find((f) => BINS.has(f.specialUse));
  if (outOf) {
    // All Mail takes in by itself what leaves a bin.
    const [first, ...others] = entering.filter((f) => f.specialUse !== '\\All' || entering.length === 1);
    return {
      copies: others.map((to) => ({ from: outOf.id, to: to.id })),
      moves: first ? [{ from: outOf.id, to: first.id }] : [],
      removals: [],
      dropped: leaving.map((f) => f.id).filter((id) => id !== outOf.id),
    };
  }
  return {
    copies: entering.map((to) => ({ from: source, to: to.id })),
    moves: [],
    removals: leaving.map((f) => f.id),
    dropped: [],
  };
}
