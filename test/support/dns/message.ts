/** DNS messages on the wire (RFC 1035): one question in, records out. */
import net from 'node:net';
import type { DnsAnswer, DnsRecord, RecordType } from '../dns.ts';

export interface Question {
  /** In lower case, without the last dot. */
  name: string;
  type: RecordType | `TYPE${number}`;
}

const TYPES: Record<RecordType, number> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
};
const CODES = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5, SILENCE: 0 };
const HEADER = 12;

export function readQuestion(data: Buffer): Question | undefined {
  if (data.length < HEADER + 5 || data.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER;
  for (let length = data[at] ?? 0; length > 0; length = data[at] ?? 0) {
    if (length > 63 || at + length + 5 > data.length) return undefined;
    labels.push(data.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const code = data.readUInt16BE(at + 1);
  const known = Object.entries(TYPES).find(([, value]) => value === code)?.[0] as RecordType | undefined;
  return { name: labels.join('.').toLowerCase(), type: known ?? `TYPE${code}` };
}

/** The answer to a query, with the question as it came (letter case kept). */
export function encodeMessage(query: Buffer, question: Question, answer: DnsAnswer, ttl: number): Buffer {
  const records = typeof answer === 'string' ? [] : answer;
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  // answer, authoritative, and "recursion desired" as it came
  const code = typeof answer === 'string' ? CODES[answer] : 0;
  header.writeUInt16BE(0x8400 | (query.readUInt16BE(2) & 0x0100) | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  const questionEnd = HEADER + question.name.length + (question.name === '' ? 1 : 2) + 4;
  const body = records.map((record) => encodeRecord(record, question.name, ttl));
  return Buffer.concat([header, query.subarray(HEADER, questionEnd), ...body]);
}

function encodeRecord(record: DnsRecord & { owner?: string }, asked: string, ttl: number): Buffer {
  const data = recordData(record);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[record.type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(record.owner ?? asked), fixed, data]);
}

function recordData(record: DnsRecord): Buffer {
  switch (record.type) {
    case 'A':
      return Buffer.from(record.value.split('.').map(Number));
    case 'AAAA':
      return ipv6(record.value);
    case 'MX':
      return Buffer.concat([numbers(record.priority), encodeName(record.exchange)]);
    case 'SRV':
      return Buffer.concat([numbers(record.priority, record.weight, record.port), encodeName(record.target)]);
    case 'TXT': {
      const texts = typeof record.value === 'string' ? [record.value] : record.value;
      const chunks = texts.flatMap((text) => {
        const bytes = Buffer.from(text);
        const count = Math.max(1, Math.ceil(bytes.length / 255));
        return Array.from({ length: count }, (_, index) => bytes.subarray(index * 255, index * 255 + 255));
      });
      return Buffer.concat(chunks.flatMap((chunk) => [Buffer.from([chunk.length]), chunk]));
    }
    default:
      return encodeName(record.value);
  }
}

function numbers(...values: number[]): Buffer {
  const data = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) data.writeUInt16BE(value, index * 2);
  return data;
}

function ipv6(text: string): Buffer {
  if (!net.isIPv6(text)) throw new Error(`not an IPv6 address: ${text}`);
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high: string | undefined, low: string | undefined) =>
    (Number(high) * 256 + Number(low)).toString(16);
  const plain = dotted ? `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}` : text;
  const [head = '', tail] = plain.split('::');
  const left = head.split(':').filter(Boolean);
  const right = (tail ?? '').split(':').filter(Boolean);
  const middle = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return numbers(...[...left, ...middle, ...right].map((group) => Number.parseInt(group, 16)));
}

function encodeName(name: string): Buffer {
  const labels = name.replace(/\.$/, '').split('.').filter(Boolean);
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]),
    Buffer.from([0]),
  ]);
}
