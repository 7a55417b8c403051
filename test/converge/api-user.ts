import { setTimeout as sleep } from 'node:timers/promises';

/** One call of the API: status and body, or null when nobody answers because the process was killed. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; body: unknown; text: string } | null>;

interface Listed {
  id: string;
  thread_id: string;
}

/** Longest pause between two calls, in ms. */
const PAUSE_MS = 400;

/** Somebody who changes a mailbox through the API, as told by a seeded source of chance. */
export class ApiUser {
  readonly #call: Call;
  readonly #grant: string;
  readonly #random: () => number;
  readonly #done: string[] = [];

  constructor(call: Call, grantId: string, random: () => number) {
    this.#call = call;
    this.#grant = `/v3/grants/${grantId}`;
    this.#random = random;
  }

  /** What was done so far, with the answers, for the message of a failure. */
  history(): string {
    return this.#done.join('; ');
  }

  /** Takes a number of steps with pauses between them. Throws when mailquay answers that it failed. */
  async act(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      await sleep(this.#random() * PAUSE_MS);
    }
  }

  async #step(): Promise<void> {
    const messages = await this.#list<Listed>('messages?limit=200&select=id,thread_id');
    const folders = await this.#list<{ id: string }>('folders?select=id');
    const message = this.#pick(messages);
    const folder = this.#pick(folders);
    if (!message || !folder) return;
    const dice = this.#random();
    const yes = this.#random() < 0.5;
    if (dice < 0.25) return this.#do('PUT', `messages/${message.id}`, { unread: yes });
    if (dice < 0.4) return this.#do('PUT', `messages/${message.id}`, { starred: yes });
    if (dice < 0.6) return this.#do('PUT', `messages/${message.id}`, { folders: [folder.id] });
    if (dice < 0.7) return this.#do('PUT', `threads/${message.thread_id}`, { unread: yes });
    if (dice < 0.76) return this.#do('PUT', `threads/${message.thread_id}`, { folders: [folder.id] });
    if (dice < 0.84) return this.#do('DELETE', `messages/${message.id}`);
    const name = `API ${Math.floor(this.#random() * 1000)}`;
    if (dice < 0.92) return this.#do('POST', 'folders', { name });
    if (dice < 0.97) return this.#do('PUT', `folders/${folder.id}`, { name });
    return this.#do('DELETE', `folders/${folder.id}`);
  }

  async #list<T>(path: string): Promise<T[]> {
    const answer = await this.#call('GET', `${this.#grant}/${path}`);
    if (!answer) return [];
    if (answer.status !== 200) throw new Error(`GET ${path} answered ${answer.status} ${answer.text}`);
    return (answer.body as { data: T[] }).data;
  }

  /** Another client works at the same mailbox: that something is gone or in use meanwhile is no failure. */
  async #do(method: string, path: string, body?: unknown): Promise<void> {
    const answer = await this.#call(method, `${this.#grant}/${path}`, body);
    this.#done.push(`${method} ${path} ${body ? JSON.stringify(body) : ''}: ${answer?.status ?? 'killed'}`);
    if (answer?.status === 500) throw new Error(`${method} ${path} answered ${answer.text}`);
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }
}
