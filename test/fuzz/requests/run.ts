import { gunzipSync } from 'node:zlib';
import type { Operation } from '../../support/openapi/operations.ts';
import type { AnswerChecker, FuzzAnswer } from './answers.ts';
import type { FuzzClient } from './client.ts';
import { type FuzzRequest, generate, type Surroundings } from './generate.ts';
import { type Random, randomFrom } from './random.ts';

/** Enough to see what is wrong. */
const MOST_FAULTS = 10;
/** These are asked less often: a mail server stands behind them, and its logins take their time. */
const SLOW = new Set(['POST /v3/connect/custom', 'PATCH /v3/grants/{grant_id}']);
/** How often an operation's turn is taken, where others have 1. */
const SELDOM = 0.15;

/** What a run came to. */
export interface Outcome {
  /** In words, with the whole request; at most ten. */
  faults: string[];
  /** How often each operation was answered with each status. */
  statuses: Map<string, Map<number, number>>;
}

/** Sends generated requests at operations, and holds every answer against the document. */
/** The mail server itself has failed, in its own words: folders go under the sessions of hundreds of requests at once. */
function saidByProvider({ status, body }: FuzzAnswer): boolean {
  if (status !== 503) return false;
  const { error } = JSON.parse(body.toString()) as { error?: { type?: string; provider_error?: unknown } };
  return error?.type === 'api.provider_error' && error.provider_error !== undefined;
}

export class FuzzRun {
  readonly #operations: Operation[];
  readonly #around: Surroundings;
  readonly #client: FuzzClient;
  readonly #checker: AnswerChecker;
  readonly #seed: number;
  readonly #resting = new Map<string, number>();
  readonly outcome: Outcome = { faults: [], statuses: new Map() };

  constructor(
    operations: Operation[],
    around: Surroundings,
    parts: { client: FuzzClient; checker: AnswerChecker; seed: number },
  ) {
    this.#operations = operations;
    this.#around = around;
    this.#client = parts.client;
    this.#checker = parts.checker;
    this.#seed = parts.seed;
  }

  /** As many requests, so many at a time; ends early when enough is wrong. */
  async all(count: number, concurrency: number): Promise<void> {
    let next = 0;
    const worker = async () => {
      while (next < count && this.outcome.faults.length < MOST_FAULTS) await this.one(next++, 0.4);
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  }

  /** The request of a number, which depends on the seed and on the ids that are known by now. */
  async one(
    index: number,
    validShare: number,
  ): Promise<{ request: FuzzRequest; answer: FuzzAnswer | undefined }> {
    const random = randomFrom((this.#seed + index * 2_654_435_761) >>> 0);
    const kind = random.chance(validShare) ? 'valid' : random.chance(0.65) ? 'wrong' : 'hostile';
    const request = generate(this.#choose(random), kind, random, this.#around);
    try {
      const answer = await this.#client.send(request);
      if (answer.headers['content-encoding'] === 'gzip') answer.body = gunzipSync(answer.body);
      this.#judge(index, request, answer);
      return { request, answer };
    } catch (error) {
      this.#fault(index, request, `no answer: ${(error as Error).message}`);
      return { request, answer: undefined };
    }
  }

  #choose(random: Random): Operation {
    const now = Date.now();
    const free = this.#operations.filter(({ name }) => (this.#resting.get(name) ?? 0) <= now);
    for (;;) {
      const operation = random.pick(free.length > 0 ? free : this.#operations);
      // What is public has hardly anything that could go wrong, and a signature is none that we could make.
      if (!(operation.access !== 'key' || SLOW.has(operation.name)) || random.chance(SELDOM))
        return operation;
    }
  }

  #judge(index: number, request: FuzzRequest, answer: FuzzAnswer): void {
    const { operation, wrong, mustRefuse, hasSelect, ids } = request;
    const { status } = answer;
    const counts = this.outcome.statuses.get(operation.name) ?? new Map<number, number>();
    counts.set(status, (counts.get(status) ?? 0) + 1);
    this.outcome.statuses.set(operation.name, counts);
    const complaint = this.#checker.complaint(operation, answer, hasSelect);
    if (status >= 500 && !saidByProvider(answer))
      this.#fault(index, request, `status ${status}: ${answer.body.toString().slice(0, 300)}`);
    else if (complaint) this.#fault(index, request, complaint);
    else if (mustRefuse && status < 400) this.#fault(index, request, `accepted, though ${wrong.join(', ')}`);
    if (status === 429) {
      this.#resting.set(operation.name, Date.now() + Number(answer.headers['retry-after'] ?? 1) * 1_000);
    }
    if (status === 404 && wrong.length === 0) for (const id of ids) this.#around.pools.drop(id);
    if (status < 300 && String(answer.headers['content-type']).startsWith('application/json')) {
      this.#around.pools.learn(operation.path, JSON.parse(answer.body.toString()));
    }
  }

  #fault(index: number, { operation, url, body, wrong }: FuzzRequest, complaint: string): void {
    const sent = `${operation.method} ${url.slice(0, 400)}${body === undefined ? '' : ` ${body.slice(0, 300)}`}`;
    const why = wrong.length > 0 ? ` (wrong in it: ${wrong.join('; ').slice(0, 300)})` : '';
    this.outcome.faults.push(`request ${index} of seed ${this.#seed}: ${complaint}\n  ${sent}${why}`);
  }
}
