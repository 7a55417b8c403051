import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { invalidRequest } from '../platform/errors.ts';
import { validate } from './validate.ts';

/** Integers of a query have at most 15 digits: all of them are exact in a double. */
export const MAX_INTEGER = 999_999_999_999_999;

/** A list that may be written `a,b` as well as `x=a&x=b`. */
export function CommaList(options: { maxItems?: number; description?: string } = {}) {
  return Type.Array(Type.String(), { ...options, style: 'comma' });
}

/** A list of strings, one parameter each. */
export function RepeatedList(options: { maxItems?: number; description?: string } = {}) {
  return Type.Array(Type.String(), options);
}

/** The three parameters of every list that is read page by page (contract 1.4, 1.5). */
export const PageQuery = (defaultLimit: number) => ({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: defaultLimit })),
  page_token: Type.Optional(Type.String()),
  select: Type.Optional(CommaList({ description: 'Top-level fields of the answer' })),
});

/**
 * Reads a query string by its schema: unknown names are ignored, the literal `undefined` is absent (the SDK
 * sends it), integers are digits, booleans `true` or `false`. Throws a 400 that names the parameter.
 */
export function parseQuery<Schema extends TObject>(schema: Schema, text: string): Static<Schema> {
  const properties = schema.properties as Record<string, TSchema>;
  const given = new Map<string, string[]>();
  for (const pair of text.split('&')) {
    if (!pair) continue;
    const split = pair.indexOf('=');
    const name = decode(split < 0 ? pair : pair.slice(0, split));
    const value = decode(split < 0 ? '' : pair.slice(split + 1));
    if (value === 'undefined' || !Object.hasOwn(properties, name)) continue;
    if (value.includes('\0')) throw invalidRequest(name, 'must not contain a NUL character');
    const values = given.get(name);
    if (values) values.push(value);
    else given.set(name, [value]);
  }
  const result: Record<string, unknown> = {};
  for (const [name, values] of given) result[name] = coerce(name, properties[name]!, values);
  return validate(schema, result);
}

function coerce(name: string, schema: TSchema, values: string[]): unknown {
  const { type, style } = schema as { type?: string; style?: string };
  if (type === 'array') {
    if (style !== 'comma') return values;
    return values
      .flatMap((value) => value.split(','))
      .map((value) => value.trim())
      .filter(Boolean);
  }
  if (values.length > 1) throw invalidRequest(name, 'was given more than once');
  const value = values[0]!;
  if (type === 'integer') {
    if (!/^-?\d{1,15}$/.test(value)) throw invalidRequest(name, 'must be a whole number');
    return Number(value);
  }
  if (type === 'boolean') {
    if (value !== 'true' && value !== 'false') throw invalidRequest(name, 'must be true or false');
    return value === 'true';
  }
  return value;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw invalidRequest('query', 'is not correctly percent-encoded');
  }
}
