import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { OpenApi } from '../../../src/http/openapi/document.ts';
import type { Operation, Schema } from '../../support/openapi/operations.ts';

/** What came back. */
export interface FuzzAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/**
 * Holds answers against the document. It is stricter than the document: a field that is not described is a fault,
 * and without `select` none may be missing.
 */
export class AnswerChecker {
  readonly #document: OpenApi;
  readonly #ajv = new Ajv2020({ strict: false });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: OpenApi) {
    this.#document = document;
  }

  /** What is wrong with an answer to an operation, in words; undefined when nothing is. */
  complaint(operation: Operation, answer: FuzzAnswer, hasSelect: boolean): string | undefined {
    const described = operation.responses[answer.status];
    if (!described) return `the status ${answer.status} is not described`;
    const requestId = answer.headers['x-request-id'];
    if (typeof requestId !== 'string') return 'there is no x-request-id';
    const type = String(answer.headers['content-type'] ?? '').split(';')[0]!;
    const content = Object.entries(described.content).find(([range]) => matches(type, range));
    if (!content) return `the media type ${type} is not described for ${answer.status}`;
    if (type !== 'application/json' || content[0] === '*/*') return undefined;
    let json: unknown;
    try {
      json = JSON.parse(answer.body.toString());
    } catch {
      return 'the body is no JSON';
    }
    const { request_id } = json as { request_id?: string };
    if (request_id !== undefined && request_id !== requestId) return 'the request ids differ';
    const validate = this.#validator(content[1].schema, hasSelect);
    if (validate(json)) return undefined;
    return this.#ajv.errorsText(validate.errors).slice(0, 500);
  }

  #validator(schema: Schema, hasSelect: boolean): ValidateFunction {
    const key = `${hasSelect} ${JSON.stringify(schema)}`;
    let validator = this.#validators.get(key);
    if (!validator) {
      const { schemas } = this.#document.components;
      validator = this.#ajv.compile(strict({ ...schema, components: { schemas } }, hasSelect) as object);
      this.#validators.set(key, validator);
    }
    return validator;
  }
}

/** Closed to fields that it does not name, and without the part-objects of `select` when there was none. */
function strict(node: unknown, hasSelect: boolean): unknown {
  if (Array.isArray(node)) return node.map((item) => strict(item, hasSelect));
  if (typeof node !== 'object' || node === null) return node;
  const schema = Object.fromEntries(
    Object.entries(node).map(([key, value]): [string, unknown] => {
      if (key !== 'anyOf' || hasSelect) return [key, strict(value, hasSelect)];
      const whole = (value as Schema[]).filter(({ $ref }) => !String($ref ?? '').includes('/Selected'));
      return [key, strict(whole, hasSelect)];
    }),
  );
  const isObject = schema.type === 'object' && typeof schema.properties === 'object';
  return isObject ? { additionalProperties: false, ...schema } : schema;
}

function matches(type: string, range: string): boolean {
  return range === '*/*' || range === type || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)));
}
