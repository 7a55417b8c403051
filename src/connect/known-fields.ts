import type { TObject } from 'typebox';

/** Of a nested object only what its schema names, without empty texts: those mean that there is none. */
export function knownFields(schema: TObject, value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([name, field]) => Object.hasOwn(schema.properties, name) && field !== ''),
  );
}
