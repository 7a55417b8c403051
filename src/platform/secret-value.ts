import { inspect } from 'node:util';

const MASK = '[secret]';

/**
 * A password, token or key on its way through the program. Whatever prints, serialises or inspects it
 * gets `[secret]`; only `reveal()` gives the value, and whoever calls that answers for where it goes.
 */
export class SecretValue {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
