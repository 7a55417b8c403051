import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { type ApiError, invalidRequest } from '../platform/errors.ts';

const validators = new WeakMap<TSchema, Validator>();

/** The value, when it is what the schema says; otherwise a 400 that names the first field at fault. */
export function validate<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  let validator = validators.get(schema);
  if (!validator) {
    validator = Compile(schema);
    validators.set(schema, validator);
  }
  if (!validator.Check(value)) throw refusal(validator, value);
  return value as Static<Schema>;
}

function refusal(validator: Validator, value: unknown): ApiError {
  const errors = validator.Errors(value);
  // In a union each branch complains; what a caller can use is the complaint that lies deepest.
  const error = errors.reduce((a, b) => (b.instancePath.length > a.instancePath.length ? b : a), errors[0]!);
  const path = fieldName(error.instancePath);
  const params = error.params as { requiredProperties?: string[]; allowedValues?: unknown[] };
  const missing = params.requiredProperties?.[0];
  if (missing !== undefined) return invalidRequest(path ? `${path}.${missing}` : missing, 'is required');
  // A schema of `false`: the name itself has no place here.
  if (error.keyword === 'boolean')
    return invalidRequest(path || 'body', 'has a name that is too long or not known here');
  if (params.allowedValues)
    return invalidRequest(path || 'body', `must be one of ${params.allowedValues.join(', ')}`);
  return invalidRequest(path || 'body', error.message);
}

/** `/to/0/email` as a reader writes it: `to[0].email`. */
function fieldName(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path ? `${path}.${part}` : part), '');
}
