import { resourceOf } from '../../support/openapi/operations.ts';
import type { Random } from './random.ts';

/** More would only be more of the same. */
const MOST = 300;

/** Ids that answers have given, by resource: what a well-behaved client would ask with. */
export class Pools {
  readonly #ids = new Map<string, Set<string>>();

  add(resource: string, id: string): void {
    const ids = this.#ids.get(resource) ?? new Set();
    if (ids.size < MOST) ids.add(id);
    this.#ids.set(resource, ids);
  }

  /** It is not there any more. */
  drop(id: string): void {
    for (const ids of this.#ids.values()) ids.delete(id);
  }

  pick(resource: string, random: Random): string {
    const ids = [...(this.#ids.get(resource) ?? [])];
    return ids.length > 0 ? random.pick(ids) : 'nothing';
  }

  /** Takes one out, for what is used up. */
  take(resource: string): string {
    const [id] = this.#ids.get(resource) ?? [];
    if (id === undefined) return 'nothing';
    this.drop(id);
    return id;
  }

  /** Learns from an answer of a path such as `/v3/grants/{grant_id}/messages`. */
  learn(path: string, body: unknown): void {
    const { data, next_cursor } = body as { data?: unknown; next_cursor?: string };
    if (next_cursor) this.add('page_token', next_cursor);
    const resource = path.endsWith('}')
      ? resourceOf(path, /\{(\w+)\}$/.exec(path)![1]!)
      : path.split('/').at(-1)!;
    for (const item of Array.isArray(data) ? data : [data]) {
      const { id, attachments } = (item ?? {}) as { id?: unknown; attachments?: { id: string }[] };
      if (typeof id !== 'string') continue;
      // A grant that is deleted must be one that nothing else needs.
      if (resource !== 'grants') this.add(resource, id);
      for (const attachment of attachments ?? []) this.add('attachments', `${attachment.id}\n${id}`);
    }
  }
}
