import { readFileSync } from 'node:fs';
import { parseSync } from '@swc/core';

/** A node of a syntax tree, as far as we look into it. */
interface Node {
  type?: string;
  [key: string]: unknown;
}

type Scope = Map<string, Node | string[]>;

const VERB = /^\s*(WITH|SELECT|INSERT|UPDATE|DELETE|MERGE|LOCK)\b/;
/** A text with more variants than that is not what we look for. */
const MOST_VARIANTS = 16;

/**
 * All SQL that the TypeScript files hold, as it is sent: constants and helper functions of the same text are filled in,
 * what only the run knows stands as «name».
 */
export function sqlOf(files: string[]): { file: string; sql: string }[] {
  const modules = files.map((file) => {
    const tree = parseSync(readFileSync(file, 'utf8'), {
      syntax: 'typescript',
      target: 'es2022',
    }) as unknown as Node;
    return { file, tree, names: namesOf(tree) };
  });
  const everywhere: Scope = new Map(modules.flatMap(({ names }) => [...names]));
  return modules.flatMap(({ file, tree, names }) => {
    const scope: Scope = new Map([...everywhere, ...names]);
    const found = new Set<string>();
    visit(tree, (node) => {
      // Types hold templates, too, but those have no expressions.
      const template = node.type === 'TemplateLiteral' && node.expressions;
      if (!template && node.type !== 'StringLiteral' && node.type !== 'CallExpression') return;
      for (const text of textsOf(node, scope, 0)) if (VERB.test(text)) found.add(text);
    });
    return [...found].map((sql) => ({ file, sql }));
  });
}

function namesOf(tree: Node): Scope {
  const names: Scope = new Map();
  visit(tree, (node) => {
    const { id, init } = node as { id?: Node; init?: Node };
    if (node.type === 'VariableDeclarator' && id?.type === 'Identifier' && init)
      names.set(String(id.value), init);
  });
  return names;
}

function visit(node: unknown, look: (node: Node) => void): void {
  if (Array.isArray(node)) for (const one of node) visit(one, look);
  else if (node && typeof node === 'object') {
    look(node as Node);
    for (const child of Object.values(node)) visit(child, look);
  }
}

/** Every text that an expression may be. */
function textsOf(node: Node, scope: Scope, depth: number): string[] {
  if (depth > 8) return ['«»'];
  const within = (child: unknown) => textsOf(child as Node, scope, depth + 1);
  switch (node.type) {
    case 'StringLiteral':
    case 'NumericLiteral':
      return [String(node.value)];
    case 'TemplateLiteral': {
      const quasis = node.quasis as { cooked: string }[];
      const holes = (node.expressions as Node[]).map(within);
      return quasis.reduce<string[]>(
        (texts, { cooked }, i) => {
          const hole = i === 0 ? [''] : holes[i - 1]!;
          return texts.flatMap((text) => hole.map((h) => text + h + cooked)).slice(0, MOST_VARIANTS);
        },
        [''],
      );
    }
    case 'ConditionalExpression':
      return [...within(node.consequent), ...within(node.alternate)];
    case 'ParenthesisExpression':
      return within(node.expression);
    case 'Identifier': {
      const value = scope.get(String(node.value));
      if (Array.isArray(value)) return value;
      const known = [
        'StringLiteral',
        'NumericLiteral',
        'TemplateLiteral',
        'ConditionalExpression',
        'CallExpression',
      ];
      return value && known.includes(value.type ?? '') ? within(value) : [`«${node.value}»`];
    }
    case 'CallExpression': {
      const callee = scope.get(String((node.callee as Node).value));
      if (callee && !Array.isArray(callee) && callee.type === 'ArrowFunctionExpression') {
        const args = (node.arguments as { expression: Node }[]).map(({ expression }) => within(expression));
        const names = (callee.params as { value?: string; pat?: Node }[]).map((p) =>
          String(p.value ?? p.pat?.value),
        );
        const body = callee.body as Node;
        if (body.type !== 'BlockStatement') {
          const inner: Scope = new Map([
            ...scope,
            ...names.map((name, i) => [name, args[i] ?? ['«»']] as const),
          ]);
          return textsOf(body, inner, depth + 1);
        }
      }
      return ['«call»'];
    }
    default:
      return ['«expression»'];
  }
}
