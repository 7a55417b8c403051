import type { TSchema } from 'typebox';

/** A JSON schema (2020-12, as OpenAPI 3.1 takes it) as plain values. */
export type JsonSchema = { [keyword: string]: unknown };

const PREFIX = '#/components/schemas/';

/** The named schemas of a document; whoever has an `$id` becomes one, and is referred to from everywhere else. */
export class Components {
  readonly schemas: Record<string, JsonSchema> = {};

  /** The schema in JSON, its named parts put aside. */
  add(schema: TSchema): JsonSchema {
    // Through JSON, which leaves TypeBox's own marks behind.
    return this.#walk(JSON.parse(JSON.stringify(schema)) as JsonSchema) as JsonSchema;
  }

  /**
   * An answer of a route that takes `select`: its objects may lack any field. Each named object gets a second
   * schema beside its own, in which nothing is required.
   */
  addSelectable(answer: TSchema): JsonSchema {
    return this.#selectable(this.add(answer));
  }

  #walk(node: unknown): unknown {
    if (Array.isArray(node)) return node.map((item) => this.#walk(item));
    if (typeof node !== 'object' || node === null) return node;
    const { $id, ...rest } = node as JsonSchema;
    const walked = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, this.#walk(value)]));
    if (typeof $id !== 'string') return $id === undefined ? walked : { $id: this.#walk($id), ...walked };
    return this.#named($id, walked);
  }

  #named(name: string, schema: JsonSchema): JsonSchema {
    const known = this.schemas[name];
    if (known && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`two schemas are named ${name}`);
    }
    this.schemas[name] = schema;
    return { $ref: PREFIX + name };
  }

  #selectable(answer: JsonSchema): JsonSchema {
    const branches = answer.anyOf as JsonSchema[] | undefined;
    if (branches) return { ...answer, anyOf: branches.map((branch) => this.#selectable(branch)) };
    const properties = answer.properties as Record<string, JsonSchema> | undefined;
    const data = properties?.data;
    if (!data) return answer;
    const items = data.items as JsonSchema | undefined;
    const partly = items ? { ...data, items: this.#orPart(items) } : this.#orPart(data);
    return { ...answer, properties: { ...properties, data: partly } };
  }

  #orPart(item: JsonSchema): JsonSchema {
    if (Array.isArray(item.anyOf)) return { anyOf: item.anyOf.map((branch) => this.#orPart(branch)) };
    const name = String(item.$ref ?? '').slice(PREFIX.length);
    const { required: _, ...optional } = this.schemas[name] ?? item;
    if (!name) return optional;
    const description = `What \`select\` leaves of ${name}.`;
    return { anyOf: [item, this.#named(`Selected${name}`, { ...optional, description })] };
  }
}
