import { ProviderError } from '../providers/provider.ts';
import { backoff } from './backoff.ts';
import type { SyncTimings } from './context.ts';

/**
 * A login that is refused without a code may fail for many reasons (RFC 5530 came late): only so many in a row, with
 * pauses between, make a grant invalid. A refusal that says why does so at once.
 */
const MAX_VAGUE_REFUSALS = 3;
/** A provider's wish to be left alone is honoured up to this, in ms. */
const MAX_RETRY_AFTER_MS = 60 * 60_000;

/** What follows when the sync of a grant broke. */
export interface Setback {
  /** For the log and the sync's state. */
  code: string;
  /** Until the sync is taken up again, in ms. */
  wait: number;
  /** The provider does not accept the login: the grant is invalid. */
  invalid: boolean;
}

/** Judges why syncs broke; remembers vague refusals of logins in a row, by grant. */
export class Setbacks {
  readonly #timings: SyncTimings;
  readonly #refusals = new Map<string, number>();

  constructor(timings: SyncTimings) {
    this.#timings = timings;
  }

  /** `failures`: how often in a row the sync of this grant has broken, with this time. */
  judge(grantId: string, failure: unknown, failures: number): Setback {
    const { backoff: base, refusal } = this.#timings;
    const wait = backoff(failures, base);
    if (!(failure instanceof ProviderError)) {
      this.#refusals.delete(grantId);
      const code = (failure as NodeJS.ErrnoException)?.code ?? 'internal';
      return { code, wait, invalid: false };
    }
    const refused = failure.kind === 'authentication';
    const vague = refused && failure.vague;
    const before = failures > 1 ? (this.#refusals.get(grantId) ?? 0) : 0;
    const refusals = refused ? before + 1 : 0;
    const patience = vague && refusals < MAX_VAGUE_REFUSALS;
    if (patience) this.#refusals.set(grantId, refusals);
    else this.#refusals.delete(grantId);
    const asked = (failure.retryAfterSeconds ?? 0) * 1000;
    const least = Math.min(Math.max(asked, vague ? refusal : 0), MAX_RETRY_AFTER_MS);
    return { code: failure.kind, wait: Math.max(wait, least), invalid: refused && !patience };
  }
}
