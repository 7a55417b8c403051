import type { OpenApi } from '../../../src/http/openapi/document.ts';
import type { Schema } from './operations.ts';

/** The named schema that a `$ref` means, or the schema itself. */
export function resolved(schema: Schema, document: OpenApi): Schema {
  if (typeof schema.$ref !== 'string') return schema;
  return document.components.schemas[schema.$ref.split('/').at(-1)!]!;
}

/** The smallest value that a schema allows: its own example if it has one, and of objects only what is required. */
export function smallest(unresolved: Schema, document: OpenApi): unknown {
  const schema = resolved(unresolved, document);
  const {
    examples,
    anyOf,
    enum: values,
  } = schema as {
    examples?: unknown[];
    anyOf?: Schema[];
    enum?: unknown[];
  };
  if (examples) return examples[0];
  if ('const' in schema) return schema.const;
  if (values) return values[0];
  if (anyOf) return smallest(anyOf[0]!, document);
  const type = [schema.type].flat()[0];
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1;
  if (type === 'boolean') return false;
  if (type === 'array') {
    const items = (schema.items ?? {}) as Schema;
    return Array.from({ length: Number(schema.minItems ?? 0) }, () => smallest(items, document));
  }
  if (type !== 'object') return 'x'.repeat(Math.max(1, Number(schema.minLength ?? 1)));
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const required = (schema.required ?? []) as string[];
  return Object.fromEntries(required.map((name) => [name, smallest(properties[name] ?? {}, document)]));
}
