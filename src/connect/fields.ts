import { type ApiError, invalidRequest } from '../platform/errors.ts';
import type { Security } from '../providers/imap/settings.ts';

/**
 * Reads fields out of a JSON object of a request. Each refusal is a 400 that names the field with its path;
 * null counts as absent.
 */
export class Fields {
  readonly #values: Record<string, unknown>;
  readonly #prefix: string;

  constructor(value: unknown, name: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalidRequest(name, 'must be an object');
    }
    this.#values = value as Record<string, unknown>;
    this.#prefix = name === 'body' ? '' : `${name}.`;
  }

  has(name: string): boolean {
    return (
      Object.hasOwn(this.#values, name) && this.#values[name] !== undefined && this.#values[name] !== null
    );
  }

  raw(name: string): unknown {
    return this.has(name) ? this.#values[name] : undefined;
  }

  path(name: string): string {
    return `${this.#prefix}${name}`;
  }

  object(name: string): Fields {
    if (!this.has(name)) throw this.refuse(name, 'is required');
    return new Fields(this.#values[name], this.path(name));
  }

  /** One line of text, at most `max` characters; undefined when absent. */
  text(name: string, max: number): string | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#values[name];
    if (typeof value !== 'string') throw this.refuse(name, 'must be a string');
    if (value.length > max) throw this.refuse(name, `must not be longer than ${max} characters`);
    // They would end a line of the protocol, and what follows would be a command of its own.
    if (/[\r\n\0]/.test(value)) throw this.refuse(name, 'must not contain line breaks or NUL characters');
    return value;
  }

  requiredText(name: string, max: number): string {
    const value = this.text(name, max);
    if (value === undefined || value === '') throw this.refuse(name, 'is required');
    return value;
  }

  texts(name: string, maxItems: number, max: number): string[] | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#values[name];
    const fine = (item: unknown) => typeof item === 'string' && item.length <= max && !/[\r\n\0]/.test(item);
    if (!Array.isArray(value) || value.length > maxItems || !value.every(fine)) {
      throw this.refuse(name, `must be an array of at most ${maxItems} strings of at most ${max} characters`);
    }
    return value as string[];
  }

  port(name: string): number | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65_535) {
      throw this.refuse(name, 'must be a whole number from 1 to 65535');
    }
    return value;
  }

  security(name: string): Security | undefined {
    const value = this.raw(name);
    if (value === undefined || value === 'tls' || value === 'starttls' || value === 'none') return value;
    throw this.refuse(name, 'must be tls, starttls or none');
  }

  refuse(name: string, message: string): ApiError {
    return invalidRequest(this.path(name), message);
  }
}
