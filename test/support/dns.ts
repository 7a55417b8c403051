/** A tiny authoritative DNS server on loopback (UDP) for tests: TTL 0, answers that may change with every query. */
import dgram from 'node:dgram';
import { encodeMessage, type Question, readQuestion } from './dns/message.ts';

export type RecordType = 'A' | 'AAAA' | 'MX' | 'SRV' | 'TXT' | 'CNAME' | 'NS' | 'PTR';

export type DnsRecord =
  | { type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR'; value: string }
  | { type: 'MX'; priority: number; exchange: string }
  | { type: 'SRV'; priority: number; weight: number; port: number; target: string }
  | { type: 'TXT'; value: string | string[] };

/** `SILENCE` never answers; the others are response codes. */
type DnsFailure = 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'SILENCE';
export type DnsAnswer = DnsRecord[] | DnsFailure;
/** What a name has: records, a failure, or a function of the question and how often it was asked (from 0). */
export type DnsEntry = DnsAnswer | ((question: Question, asked: number) => DnsAnswer);

export async function startDns(zone: Record<string, DnsEntry> = {}): Promise<TestDns> {
  const dns = new TestDns(zone);
  await dns.listen();
  return dns;
}

/** The nth query gets the nth answer, and the last answer stays: for DNS rebinding. */
export function sequence(...answers: DnsAnswer[]): DnsEntry {
  const asked = new Map<string, number>();
  return ({ type }) => {
    const count = asked.get(type) ?? 0;
    asked.set(type, count + 1);
    return answers[Math.min(count, answers.length - 1)] ?? 'NXDOMAIN';
  };
}

export const a = (...values: string[]): DnsRecord[] => values.map((value) => ({ type: 'A', value }));
export const aaaa = (...values: string[]): DnsRecord[] => values.map((value) => ({ type: 'AAAA', value }));
export const mx = (priority: number, exchange: string): DnsRecord => ({ type: 'MX', priority, exchange });
export const txt = (value: string | string[]): DnsRecord => ({ type: 'TXT', value });
export const cname = (value: string): DnsRecord => ({ type: 'CNAME', value });
export const srv = (priority: number, weight: number, port: number, target: string): DnsRecord => ({
  ...{ type: 'SRV', priority, weight },
  ...{ port, target },
});

export class TestDns {
  readonly host = '127.0.0.1';
  /** Every question, in order. */
  readonly queries: Question[] = [];
  /** Each answer is late by this much. */
  delayMs = 0;
  ttl = 0;
  readonly #entries = new Map<string, DnsEntry>();
  readonly #asked = new Map<string, number>();
  readonly #socket = dgram.createSocket('udp4');
  #port = 0;

  constructor(zone: Record<string, DnsEntry>) {
    for (const [name, entry] of Object.entries(zone)) this.set(name, entry);
    this.#socket.on('message', (data, from) => {
      const reply = this.#reply(data);
      if (!reply) return;
      setTimeout(() => this.#socket.send(reply, from.port, from.address, () => {}), this.delayMs);
    });
  }

  get port(): number {
    return this.#port;
  }

  /** For `dns.Resolver.setServers`. */
  get server(): string {
    return `${this.host}:${this.#port}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind(0, this.host, resolve);
    });
    this.#port = this.#socket.address().port;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  /** What a name answers from now on; `*.example.com` stands for all names below. */
  set(name: string, entry: DnsEntry): void {
    this.#entries.set(name.toLowerCase(), entry);
  }

  remove(name: string): void {
    this.#entries.delete(name.toLowerCase());
  }

  #reply(data: Buffer): Buffer | undefined {
    const question = readQuestion(data);
    if (!question) return undefined;
    this.queries.push(question);
    const answer = this.#answer(question);
    if (answer === 'SILENCE') return undefined;
    return encodeMessage(data, question, answer, this.ttl);
  }

  #answer(question: Question): DnsAnswer {
    const found: DnsRecord[] = [];
    let name = question.name;
    const key = `${question.type} ${name}`;
    const asked = this.#asked.get(key) ?? 0;
    this.#asked.set(key, asked + 1);
    for (let hop = 0; hop < 9; hop++) {
      const entry = this.#find(name);
      if (entry === undefined) return found.length > 0 ? found : 'NXDOMAIN';
      const answer = typeof entry === 'function' ? entry(question, asked) : entry;
      if (typeof answer === 'string') return answer;
      const own = answer.filter((record) => record.type === question.type);
      const alias = answer.find((record) => record.type === 'CNAME');
      const named = (records: DnsRecord[]) => records.map((record) => ({ ...record, owner: name }));
      if (own.length > 0 || !alias || alias.type !== 'CNAME') return [...found, ...named(own)];
      found.push(...named([alias]));
      name = alias.value.toLowerCase();
    }
    return found;
  }

  #find(name: string): DnsEntry | undefined {
    const exact = this.#entries.get(name);
    if (exact !== undefined) return exact;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const wild = this.#entries.get(`*${name.slice(dot)}`);
      if (wild !== undefined) return wild;
    }
    return undefined;
  }
}
