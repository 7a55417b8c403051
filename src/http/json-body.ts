import { ApiError, invalidRequest } from '../platform/errors.ts';

/** Deeper than any body of the contract, and far from the end of a stack. */
const MAX_DEPTH = 64;

/** Characters of a field's path that a refusal repeats. */
const MAX_PATH = 200;

/**
 * A JSON body out of its bytes; nothing at all is `undefined`, for DELETE and POST that send a type without a
 * body. Refused with 400: what is not JSON or not UTF-8, and what no later step could store: NUL characters,
 * lone surrogates, numbers beyond a double, nesting without end, and the key `__proto__`.
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new ApiError('api.invalid_request_payload', 'The request body is not valid JSON.');
  }
  refuseUnstorable(value);
  return value;
}

function refuseUnstorable(root: unknown): void {
  const open: { value: unknown; field: string; depth: number }[] = [{ value: root, field: 'body', depth: 0 }];
  for (let item = open.pop(); item; item = open.pop()) {
    const { value, field, depth } = item;
    if (typeof value === 'string') refuseText(value, field);
    else if (typeof value === 'number' && !Number.isFinite(value)) {
      throw invalidRequest(field, 'is a number beyond all bounds');
    } else if (typeof value === 'object' && value !== null) {
      if (depth >= MAX_DEPTH) throw invalidRequest('body', `is nested deeper than ${MAX_DEPTH} levels`);
      for (const [key, child] of Object.entries(value)) {
        refuseText(key, field);
        if (key === '__proto__') throw invalidRequest(field, 'must not have the key __proto__');
        open.push({ value: child, field: pathOf(field, key, depth, Array.isArray(value)), depth: depth + 1 });
      }
    }
  }
}

/** `settings.imap_port`, `to[1].email`: where in the body a value stands. */
function pathOf(parent: string, key: string, depth: number, inArray: boolean): string {
  if (parent.length >= MAX_PATH) return parent;
  if (inArray) return `${parent}[${key}]`;
  return (depth === 0 ? key : `${parent}.${key}`).slice(0, MAX_PATH);
}

function refuseText(text: string, field: string): void {
  if (text.includes('\0'))
    throw invalidRequest(field.replaceAll('\0', ''), 'must not contain a NUL character');
  if (!text.isWellFormed()) throw invalidRequest(field.toWellFormed(), 'contains half of a surrogate pair');
}
