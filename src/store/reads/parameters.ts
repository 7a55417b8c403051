/** A statement that is made for one question. */
export interface Statement {
  text: string;
  values: unknown[];
}

/** Collects the values of a {@link Statement}; the first two are always the application and the grant. */
export class Parameters {
  readonly values: unknown[];

  constructor(applicationId: string, grantId: string) {
    this.values = [applicationId, grantId];
  }

  /** Keeps a value and gives the name under which the statement has it. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}
