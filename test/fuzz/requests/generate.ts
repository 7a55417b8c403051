import type { OpenApi } from '../../../src/http/openapi/document.ts';
import {
  type Operation,
  type Parameter,
  resourceNamed,
  resourceOf,
  type Schema,
} from '../../support/openapi/operations.ts';
import { resolved, smallest } from '../../support/openapi/smallest.ts';
import { BROKEN_ENCODINGS, HOSTILE_BODIES, HOSTILE_TEXTS, HOSTILE_VALUES } from './hostile.ts';
import type { Pools } from './pools.ts';
import type { Random } from './random.ts';

/** A request as it goes over the wire. */
export interface FuzzRequest {
  operation: Operation;
  /** Path and query, percent-encoded or not quite. */
  url: string;
  headers: Record<string, string>;
  body: string | undefined;
  /** Ids that stand in it. */
  ids: string[];
  /** What is wrong with it; nothing, when the document allows all of it. */
  wrong: string[];
  /** The document itself says that this cannot be accepted. */
  mustRefuse: boolean;
  hasSelect: boolean;
}

/** What a generator needs besides chance. */
export interface Surroundings {
  document: OpenApi;
  pools: Pools;
  key: string;
  grantId: string;
  email: string;
  /** Bodies that work, where a schema cannot know them: by operation. */
  bodies: Record<string, () => unknown>;
}

type Kind = 'valid' | 'wrong' | 'hostile';

/** One request for an operation: as documented, with one thing wrong, or with several. */
export function generate(
  operation: Operation,
  kind: Kind,
  random: Random,
  around: Surroundings,
): FuzzRequest {
  const draft = new Draft(operation, random, around);
  const times = kind === 'valid' ? 0 : kind === 'wrong' ? 1 : 2 + random.int(3);
  for (let i = 0; i < times; i++) draft.spoil();
  return draft.finish();
}

class Draft {
  readonly #operation: Operation;
  readonly #random: Random;
  readonly #around: Surroundings;
  readonly #path = new Map<string, string>();
  readonly #query: [name: string, value: string][] = [];
  readonly #headers: Record<string, string> = {};
  readonly #ids: string[] = [];
  readonly #wrong: string[] = [];
  #rawPath: string | undefined;
  #rawQuery = '';
  #body: unknown;
  #rawBody: string | undefined;
  #mustRefuse = false;

  constructor(operation: Operation, random: Random, around: Surroundings) {
    this.#operation = operation;
    this.#random = random;
    this.#around = around;
    if (operation.access !== 'public') this.#headers.authorization = `Bearer ${around.key}`;
    const attachment = this.#id('attachments').split('\n');
    for (const parameter of operation.parameters) {
      if (parameter.in === 'path') this.#path.set(parameter.name, this.#pathValue(parameter, attachment));
      else if (parameter.required || random.chance(0.2)) this.#addQuery(parameter, attachment);
    }
    if (operation.body) {
      const own = around.bodies[operation.name];
      this.#body = own ? own() : this.#value(operation.body);
      this.#headers['content-type'] = 'application/json';
    }
    if (random.chance(0.2)) this.#headers['accept-encoding'] = 'gzip';
  }

  /** Makes one thing wrong. */
  spoil(): void {
    const { body, access } = this.#operation;
    const ways = [this.#spoilQuery, this.#spoilQuery, this.#spoilPath, this.#breakEncoding];
    if (body)
      ways.push(this.#spoilBody, this.#spoilBody, this.#spoilBody, this.#replaceBody, this.#spoilType);
    if (access !== 'public') ways.push(this.#spoilKey);
    this.#random.pick(ways).call(this);
  }

  finish(): FuzzRequest {
    const operation = this.#operation;
    const path =
      this.#rawPath ??
      operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encode(this.#path.get(name) ?? 'x'));
    const query =
      this.#query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&') + this.#rawQuery;
    const body = this.#rawBody ?? (this.#body === undefined ? undefined : JSON.stringify(this.#body));
    return {
      operation,
      url: query ? `${path}?${query}` : path,
      headers: this.#headers,
      body,
      ids: this.#ids,
      wrong: this.#wrong,
      // With several things wrong, one may have undone another.
      mustRefuse: this.#mustRefuse && this.#wrong.length === 1,
      hasSelect: this.#query.some(([name]) => name === 'select'),
    };
  }

  #pathValue({ name }: Parameter, attachment: string[]): string {
    const { path, method } = this.#operation;
    const { pools, grantId, email } = this.#around;
    if (name === 'grant_id') {
      // Only throw-away grants are deleted.
      if (method === 'DELETE' && path.endsWith('{grant_id}')) return pools.take('throw-away grants');
      return this.#random.pick([
        grantId,
        grantId,
        grantId.toUpperCase(),
        `grant:${grantId}`,
        email,
        `email:${email}`,
      ]);
    }
    const resource = resourceOf(path, name);
    return resource === 'attachments' ? attachment[0]! : this.#id(resource);
  }

  #addQuery(parameter: Parameter, attachment: string[]): void {
    const { name, schema } = parameter;
    const resource = resourceNamed(name);
    if (name === 'message_id' && this.#operation.path.includes('/attachments/')) {
      this.#query.push([name, attachment[1] ?? 'nothing']);
    } else if (resource) this.#query.push([name, this.#id(resource)]);
    else if (name === 'page_token')
      this.#query.push([name, this.#around.pools.pick('page_token', this.#random)]);
    else if (schema.type === 'array') this.#addList(parameter);
    else this.#query.push([name, String(this.#value(schema))]);
  }

  #addList({ name, schema, explode }: Parameter): void {
    const items = Array.from({ length: 1 + this.#random.int(3) }, () => this.#word());
    if (name === 'select') items.push(this.#random.pick(['id', 'subject', 'grant_id', 'name', 'body']));
    const most = items.slice(0, Number(schema.maxItems ?? items.length));
    if (explode) for (const item of most) this.#query.push([name, item]);
    else this.#query.push([name, most.join(',')]);
  }

  #id(resource: string): string {
    const id = this.#around.pools.pick(resource, this.#random);
    this.#ids.push(id);
    return id;
  }

  #word(): string {
    return this.#random.pick([
      'a',
      'the',
      'report',
      'ada@example.org',
      'Grüße',
      '日本',
      'x y',
      '100%',
      "o'neil",
    ]);
  }

  /** A value that the schema allows. */
  #value(unresolved: Schema, field = ''): unknown {
    const { document } = this.#around;
    const random = this.#random;
    const schema = resolved(unresolved, document);
    if (schema.examples) return random.pick(schema.examples as unknown[]);
    if (schema.enum) return random.pick(schema.enum as unknown[]);
    if (schema.anyOf) return this.#value(random.pick(schema.anyOf as Schema[]), field);
    if (schema.type === 'boolean') return random.chance(0.5);
    if (schema.type === 'integer') {
      const minimum = Number(schema.minimum ?? 0);
      const most = Number(schema.maximum ?? 2_000_000_000);
      return random.pick([minimum, most, minimum + random.int(Math.min(most - minimum, 4_000_000_000) + 1)]);
    }
    if (schema.type === 'array') {
      const length = Math.max(Number(schema.minItems ?? 0), random.int(3));
      return Array.from({ length }, () => this.#value((schema.items ?? {}) as Schema, field));
    }
    if (schema.type === 'object' && schema.properties) {
      const required = new Set((schema.required ?? []) as string[]);
      const chosen = Object.entries(schema.properties as Record<string, Schema>).filter(
        ([name]) => required.has(name) || random.chance(0.5),
      );
      return Object.fromEntries(chosen.map(([name, property]) => [name, this.#value(property, name)]));
    }
    if (schema.type === 'object') return random.chance(0.5) ? {} : { key1: this.#word() };
    const resource = resourceNamed(field);
    if (resource) return this.#id(resource);
    if (schema.type !== 'string' || 'const' in schema || schema.pattern) return smallest(schema, document);
    const length = Number(schema.maxLength ?? 100);
    return this.#word()
      .slice(0, length)
      .padEnd(Number(schema.minLength ?? 0), 'x');
  }

  #spoilQuery(): void {
    const random = this.#random;
    const inQuery = this.#operation.parameters.filter((parameter) => parameter.in === 'query');
    if (inQuery.length === 0 || random.chance(0.1)) {
      this.#query.push([random.pick(HOSTILE_TEXTS), random.pick(HOSTILE_TEXTS)]);
      this.#wrong.push('an unknown parameter');
      return;
    }
    const { name, schema, required } = random.pick(inQuery);
    const without = this.#query.filter(([other]) => other !== name);
    const kind = random.int(4);
    if (kind === 0 && required) {
      this.#query.splice(0, Infinity, ...without);
      this.#wrong.push(`no ${name}`);
      this.#mustRefuse = true;
    } else if (kind === 1) {
      const value = String(this.#value(schema));
      this.#query.push([name, value], [name, value]);
      this.#wrong.push(`${name} twice`);
      if (schema.type !== 'array' && value !== 'undefined') this.#mustRefuse = true;
    } else {
      const value = random.pick(HOSTILE_TEXTS);
      this.#query.splice(0, Infinity, ...without, [name, value]);
      this.#wrong.push(`${name}=${JSON.stringify(value)}`);
      if (value.includes('\0') || !fits(value, schema)) this.#mustRefuse = true;
    }
  }

  #spoilPath(): void {
    const names = [...this.#path.keys()];
    if (names.length === 0) {
      this.#spoilQuery();
      return;
    }
    const name = this.#random.pick(names);
    const value = this.#random.pick(HOSTILE_TEXTS);
    this.#path.set(name, value);
    this.#wrong.push(`${name} is ${JSON.stringify(value)}`);
  }

  #breakEncoding(): void {
    const broken = this.#random.pick(BROKEN_ENCODINGS);
    this.#wrong.push(`the encoding ${broken}`);
    if (this.#path.size > 0 && this.#random.chance(0.5)) {
      this.#rawPath = this.#operation.path.replace(/\{\w+\}/g, broken);
    } else {
      this.#rawQuery = `&subject=${broken}`;
    }
    this.#mustRefuse = true;
  }

  #spoilBody(): void {
    const random = this.#random;
    const fields = Object.keys(
      (resolved(this.#operation.body!, this.#around.document).properties ?? {}) as object,
    );
    const body = typeof this.#body === 'object' && this.#body !== null ? (this.#body as object) : {};
    const name = random.pick([...fields, ...random.pick([['surprise'], ['__proto__'], ['constructor']])]);
    const value = random.pick(HOSTILE_VALUES);
    const changed = random.chance(0.15) ? undefined : value;
    // Through entries: an assignment to __proto__ would set ours.
    const entries = Object.entries(body).filter(([other]) => other !== name);
    if (changed !== undefined) entries.push([name, changed]);
    this.#body = Object.fromEntries(entries);
    this.#wrong.push(
      changed === undefined ? `no ${name}` : `${name} is ${JSON.stringify(changed)}`.slice(0, 100),
    );
  }

  #replaceBody(): void {
    this.#rawBody = this.#random.pick(HOSTILE_BODIES);
    this.#wrong.push(`the body ${this.#rawBody.slice(0, 60)}`);
  }

  #spoilType(): void {
    const type = this.#random.pick([
      'text/plain',
      'application/xml',
      'nonsense',
      'multipart/form-data',
      'a/b;;=',
    ]);
    this.#headers['content-type'] = type;
    this.#wrong.push(`content type ${type}`);
  }

  #spoilKey(): void {
    const headers = ['Bearer wrong', 'Basic abc', 'Bearer', 'Bearer a b', `bearer ${'x'.repeat(2_000)}`];
    this.#headers.authorization = this.#random.pick(headers);
    this.#wrong.push('the key');
    this.#mustRefuse = true;
  }
}

/** Percent-encoded; half a surrogate pair becomes what a careless client sends. */
function encode(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80';
}

/** Whether a text can be a value of a parameter: only where the document leaves no doubt is it false. */
function fits(text: string, { type, enum: values }: Schema): boolean {
  if (text === 'undefined') return true;
  if (!text.isWellFormed()) return false;
  if (values) return (values as unknown[]).includes(text);
  if (type === 'integer') return /^-?\d{1,15}$/.test(text);
  if (type === 'boolean') return text === 'true' || text === 'false';
  return true;
}
