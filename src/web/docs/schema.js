import { element, prose } from './element.js';

/** The name at the end of `#/components/schemas/Message`. */
const nameOf = (ref) => ref.split('/').at(-1);

/** A schema's type in a word or two; named schemas are links. */
export function typeOf(schema) {
  if (schema.$ref) return [element('a', { href: `#schema-${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  if (schema.anyOf) return schema.anyOf.flatMap((branch, i) => [i ? ' or ' : '', ...typeOf(branch)]);
  if (schema.type === 'array') return ['list of ', ...typeOf(schema.items ?? {})];
  if ('const' in schema) return [element('code', {}, JSON.stringify(schema.const))];
  if (schema.enum) {
    return schema.enum.flatMap((value, i) => [i ? ' | ' : '', element('code', {}, JSON.stringify(value))]);
  }
  if (schema.type === 'object' && schema.patternProperties) {
    return ['map of ', ...typeOf(Object.values(schema.patternProperties)[0])];
  }
  return [[schema.type ?? 'any'].flat().join(' or ')];
}

/** What else holds for a value, in words. */
export function limitsOf(schema) {
  const words = [];
  const say = (keyword, text) => keyword in schema && words.push(text(schema[keyword]));
  say('default', (value) => `default ${JSON.stringify(value)}`);
  say('minimum', (value) => `at least ${value}`);
  say('maximum', (value) => `at most ${value}`);
  say('minLength', (value) => `${value} or more characters`);
  say('maxLength', (value) => `at most ${value} characters`);
  say('maxItems', (value) => `at most ${value} of them`);
  return words.join(', ');
}

/** A table of an object's fields, inner objects below their own line; undefined when there are none to show. */
export function fieldsOf(schema) {
  if (schema.anyOf) {
    const tables = schema.anyOf.map(fieldsOf).filter(Boolean);
    return tables.length > 0 ? element('div', {}, tables) : undefined;
  }
  if (schema.type === 'array') return fieldsOf(schema.items ?? {});
  if (!schema.properties) return undefined;
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).map(([name, field]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, element('code', {}, name), required.has(name) ? '' : ' ?'),
      element('td', {}, typeOf(field)),
      element('td', {}, prose(field.description), ' ', limitsOf(field), fieldsOf(field)),
    ),
  );
  return element('table', {}, element('tbody', {}, rows));
}

/** A value that the schema allows: its own examples first, then what must be there. */
export function exampleOf(schema, schemas, depth = 0) {
  if (depth > 6) return null;
  if (schema.$ref) return exampleOf(schemas[nameOf(schema.$ref)] ?? {}, schemas, depth + 1);
  if (schema.examples) return schema.examples[0];
  if ('const' in schema) return schema.const;
  if ('default' in schema) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return exampleOf(schema.anyOf[0], schemas, depth + 1);
  const type = [schema.type].flat()[0];
  if (type === 'array') return [exampleOf(schema.items ?? {}, schemas, depth + 1)];
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1;
  if (type === 'boolean') return true;
  if (type !== 'object') return type === 'string' || !type ? 'text' : null;
  const fields = Object.entries(schema.properties ?? {});
  return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(field, schemas, depth + 1)]));
}
