/**
 * The classic tree of a set of messages (jwz.org/doc/threading.html, RFC 5256 REFERENCES): who answers whom.
 * Used to order the messages inside a thread, and as the reference that `planThreads` is tested against.
 */

import { baseSubject } from '../subject.ts';

export interface TreeMessage {
  messageId: string | null;
  references: string[];
  inReplyTo: string[];
  subject: string;
  /** Unix seconds. */
  date: number;
}

/** A node of the tree. `message` is null for a message that is only known by references to it. */
export interface TreeNode<T> {
  message: T | null;
  children: TreeNode<T>[];
}

interface Container<T> extends TreeNode<T> {
  parent: Container<T> | null;
  children: Container<T>[];
}

/**
 * Trees of `messages`, by date; every message is in exactly one place, loops and duplicate ids included.
 * `groupBySubject` is step 5: top-level trees of one base subject are put together.
 */
export function jwzTree<T extends TreeMessage>(messages: T[], groupBySubject = true): TreeNode<T>[] {
  const roots = prune(link(messages).filter((container) => container.parent === null));
  const grouped = groupBySubject ? groupSubjects(roots) : roots;
  sortByDate(grouped);
  return grouped.map(bare);
}

/** Steps 1 and 2: one container for each id and each duplicate, linked by references. */
function link<T extends TreeMessage>(messages: T[]): Container<T>[] {
  const all: Container<T>[] = [];
  const byId = new Map<string, Container<T>>();
  const make = (message: T | null): Container<T> => {
    const container: Container<T> = { message, parent: null, children: [] };
    all.push(container);
    return container;
  };
  const named = (id: string): Container<T> => {
    const container = byId.get(id) ?? make(null);
    byId.set(id, container);
    return container;
  };
  for (const message of messages) {
    const known = message.messageId === null ? undefined : byId.get(message.messageId);
    let own: Container<T>;
    if (known && known.message === null) {
      own = known;
      own.message = message;
    } else {
      own = make(message);
      if (message.messageId !== null && !known) byId.set(message.messageId, own);
    }
    let parent: Container<T> | null = null;
    const reply = message.inReplyTo[0];
    const ids =
      reply === undefined || message.references.includes(reply)
        ? message.references
        : [...message.references, reply];
    for (const id of ids) {
      const referenced = named(id);
      if (parent !== null && referenced.parent === null && !isAbove(referenced, parent))
        adopt(parent, referenced);
      parent = referenced;
    }
    if (parent !== null && !isAbove(own, parent)) adopt(parent, own);
  }
  return all;
}

/** Is `upper` the same as `node` or one of its ancestors? */
function isAbove<T>(upper: Container<T>, node: Container<T>): boolean {
  if (upper === node) return true;
  if (upper.children.length === 0) return false;
  for (let at = node.parent; at !== null; at = at.parent) if (at === upper) return true;
  return false;
}

function adopt<T>(parent: Container<T>, child: Container<T>): void {
  if (child.parent === parent) return;
  if (child.parent !== null) child.parent.children.splice(child.parent.children.indexOf(child), 1);
  child.parent = parent;
  parent.children.push(child);
}

/** Step 4: containers without message vanish; their children move up, at the top only a single one. */
function prune<T>(roots: Container<T>[]): Container<T>[] {
  const order: Container<T>[] = [];
  const stack = [...roots];
  while (stack.length > 0) {
    const container = stack.pop()!;
    order.push(container);
    for (const child of container.children) stack.push(child);
  }
  for (const container of order.reverse()) container.children = container.children.flatMap(promoted);
  return roots.flatMap((root) =>
    root.message === null && root.children.length < 2 ? root.children : [root],
  );
}

function promoted<T>(container: Container<T>): Container<T>[] {
  return container.message === null ? container.children : [container];
}

/** The subject of a tree: of its message or, for one without, of its first child. */
function subjectOf<T extends TreeMessage>(container: Container<T>): { base: string; isReply: boolean } {
  return baseSubject((container.message ?? container.children[0]?.message)?.subject ?? '');
}

/** Step 5: replies go under the original, equals under an empty parent, which takes the place of the first. */
function groupSubjects<T extends TreeMessage>(roots: Container<T>[]): Container<T>[] {
  const table = new Map<string, { tree: Container<T>; isReply: boolean }>();
  for (const tree of roots) {
    const { base, isReply } = subjectOf(tree);
    const old = table.get(base);
    const better =
      old !== undefined && old.tree.message !== null && (tree.message === null || (old.isReply && !isReply));
    if (base !== '' && (!old || better)) table.set(base, { tree, isReply });
  }
  return roots.filter((tree) => {
    const { base, isReply } = subjectOf(tree);
    const old = table.get(base);
    if (!old || old.tree === tree) return true;
    if (old.tree.message === null) {
      for (const child of tree.message === null ? tree.children : [tree]) old.tree.children.push(child);
    } else if (isReply && !old.isReply) {
      old.tree.children.push(tree);
    } else {
      const first: Container<T> = { message: old.tree.message, parent: null, children: old.tree.children };
      old.tree.message = null;
      old.tree.children = [first, tree];
    }
    return false;
  });
}

/** Step 6: siblings by date, equals as they came; an empty parent has the date of its first child. */
function sortByDate<T extends TreeMessage>(roots: Container<T>[]): void {
  const dates = new Map<Container<T>, number>();
  const order: Container<T>[] = [];
  const stack = [...roots];
  while (stack.length > 0) {
    const container = stack.pop()!;
    order.push(container);
    for (const child of container.children) stack.push(child);
  }
  const date = (container: Container<T>) => dates.get(container) ?? 0;
  for (const container of order.reverse()) {
    container.children.sort((a, b) => date(a) - date(b));
    dates.set(
      container,
      container.message?.date ?? (container.children[0] ? date(container.children[0]) : 0),
    );
  }
  roots.sort((a, b) => date(a) - date(b));
}

function bare<T>(root: Container<T>): TreeNode<T> {
  const made = new Map<Container<T>, TreeNode<T>>();
  const stack = [root];
  while (stack.length > 0) {
    const container = stack.pop()!;
    made.set(container, { message: container.message, children: [] });
    for (const child of container.children) stack.push(child);
  }
  for (const [container, node] of made) node.children = container.children.map((child) => made.get(child)!);
  return made.get(root)!;
}
