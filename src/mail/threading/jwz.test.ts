import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parseMailDate } from '../date.ts';
import { extractMessageIds } from '../message-id.ts';
import { baseSubject } from '../subject.ts';
import { jwzTree, type TreeMessage, type TreeNode } from './jwz.ts';

const mail = (
  messageId: string | null,
  references: string[] = [],
  more: Partial<TreeMessage> = {},
): TreeMessage => ({
  messageId,
  references,
  inReplyTo: [],
  subject: messageId ?? '',
  date: 0,
  ...more,
});

/** One line per message, indented by depth, as the corpora write trees. */
function drawn(trees: TreeNode<TreeMessage>[], depth = 0): string {
  return trees
    .map(
      (tree) =>
        `${'   '.repeat(depth)}${tree.message?.subject ?? 'dummy'}\n${drawn(tree.children, depth + 1)}`,
    )
    .join('');
}

test('replies stand under what they answer, whatever the order of arrival', () => {
  const all = [
    mail('a'),
    mail('b', ['a'], { date: 1 }),
    mail('c', ['a', 'b'], { date: 2 }),
    mail('d', ['a'], { date: 3 }),
  ];
  const tree = 'a\n   b\n      c\n   d\n';
  expect(drawn(jwzTree(all))).toBe(tree);
  expect(drawn(jwzTree([...all].reverse()))).toBe(tree);
});

test('a missing parent holds its children together, a missing link between is closed', () => {
  expect(drawn(jwzTree([mail('g', ['gone']), mail('h', ['gone'])]))).toBe('dummy\n   g\n   h\n');
  expect(drawn(jwzTree([mail('a'), mail('c', ['a', 'b'])]))).toBe('a\n   c\n');
});

test('In-Reply-To counts where References lacks it', () => {
  expect(drawn(jwzTree([mail('a'), mail('b', [], { inReplyTo: ['a'] })]))).toBe('a\n   b\n');
});

test('loops, self references and duplicates lose no message', () => {
  const loop = [mail('1', ['2', '3']), mail('2', ['3', '1']), mail('3', ['1', '2']), mail('me', ['me'])];
  const copies = [mail('dup'), mail('dup'), mail(null), mail(null)];
  const lines = drawn(jwzTree([...loop, ...copies], false))
    .split('\n')
    .map((line) => line.trim());
  expect(lines.filter((line) => ['1', '2', '3', 'me', 'dup'].includes(line)).sort()).toEqual([
    '1',
    '2',
    '3',
    'dup',
    'dup',
    'me',
  ]);
});

test('step 5 puts replies without references under the original', () => {
  const re = mail('r', [], { subject: 'Re: plan', date: 1 });
  const original = mail('o', [], { subject: 'Plan', date: 2 });
  expect(drawn(jwzTree([re, original]))).toBe('Plan\n   Re: plan\n');
  expect(drawn(jwzTree([original, mail('p', [], { subject: 'plan', date: 3 })]))).toBe(
    'dummy\n   Plan\n   plan\n',
  );
});

test('a chain of 20,000 and one message that refers to all of it are walked without recursion', () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => `m${i}`);
  const chain = ids.map((id, i) => mail(id, i === 0 ? [] : [ids[i - 1]!]));
  expect(jwzTree([...chain, mail('last', ids)], false)).toHaveLength(1);
});

const root = join(
  process.env.MAILQUAY_CORPORA ?? resolve(import.meta.dirname, '../../../../shared/corpora'),
  'threads',
);
const present = existsSync(root);
if (!present) console.log(`left out: thread corpora tests, nothing at ${root}`);

interface CorpusMessage {
  n: number;
  subject: string;
  messageId: string;
  date: string;
  references: string[];
}

function corpus(name: string): { messages: TreeMessage[]; expectedTree: string } {
  const { messages, expectedTree } = JSON.parse(readFileSync(join(root, `${name}.json`), 'utf8'));
  const read = (m: CorpusMessage) =>
    mail(
      extractMessageIds(m.messageId)[0]!,
      m.references.flatMap((id) => extractMessageIds(id)),
      {
        subject: m.subject,
        date: parseMailDate(m.date)!,
      },
    );
  return { messages: messages.map(read), expectedTree };
}

test.skipIf(!present)("JWZ's own cases give the expected tree; the cycles that it drops are kept", () => {
  const { messages, expectedTree } = corpus('mailkit-TestThreadByReferences');
  const trees = jwzTree(messages);
  // MailKit looks for loops one level deep, so the rings of three and four messages vanish from its tree.
  const isRing = ({ message }: TreeNode<TreeMessage>) =>
    /^loop([1-3]|7|8|9|10)$/.test(message?.messageId ?? '');
  expect(drawn(trees.filter((tree) => !isRing(tree)))).toBe(expectedTree);
  const lines = drawn(trees)
    .split('\n')
    .filter((line) => line !== '' && line.trim() !== 'dummy');
  expect(lines).toHaveLength(messages.length);
});

test.skipIf(!present)('RFC 5256 ORDEREDSUBJECT follows from the base subjects', () => {
  const { messages, expectedTree } = corpus('mailkit-TestThreadBySubject');
  expect(new Set(messages.map(({ subject }) => baseSubject(subject).base))).toEqual(new Set(['subject']));
  const [first, ...rest] = messages;
  const children = rest.map((message) => ({ message, children: [] }));
  expect(drawn([{ message: first!, children }])).toBe(expectedTree);
});
