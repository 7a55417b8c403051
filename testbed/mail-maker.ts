/** Makes realistic mail from a seed: the same seed gives the same bytes in the same order. */
import { base64Lines, encodeWords, mailbox, nameParameter, quotedPrintable } from './mail-encode.ts';
import { FILE_NAMES, LISTS, PEOPLE, REPLY_PREFIXES, SENTENCES, SUBJECTS } from './mail-words.ts';

export interface MadeMail {
  raw: Buffer;
  messageId: string;
  subject: string;
  /** Number of the conversation, counted from 0. */
  thread: number;
  kind: 'plain' | 'html' | 'attachment' | 'inline' | 'newsletter';
}

interface Thread {
  number: number;
  subject: string;
  ids: string[];
  list: (typeof LISTS)[number] | undefined;
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Paragraph {
  text: string;
  html: string;
}

export class MailMaker {
  readonly #random: () => number;
  readonly #seed: number;
  readonly #owner: string;
  readonly #paragraphs: Paragraph[];
  readonly #bytes: string[];
  readonly #open: Thread[] = [];
  #threads = 0;
  #count = 0;

  constructor(seed = 1, owner = 'me@mailquay.example') {
    this.#seed = seed;
    this.#owner = owner.includes('@') && /^[\x21-\x7e]+$/.test(owner) ? owner : 'me@mailquay.example';
    this.#random = randomFrom(seed);
    this.#paragraphs = Array.from({ length: 60 }, () => this.#paragraph());
    this.#bytes = Array.from({ length: 12 }, () => {
      const data = Buffer.alloc(this.#between(4_000, 46_000));
      for (let at = 0; at < data.length; at++) data[at] = this.#random() * 256;
      return base64Lines(data);
    });
  }

  /** The next mail, dated as told. */
  next(date: Date): MadeMail {
    const number = this.#count++;
    const thread = this.#thread();
    const reply = thread.ids.length > 0;
    const kind = this.#kind(thread, reply);
    const subject = `${reply ? this.#pick(REPLY_PREFIXES) : ''}${thread.subject}`;
    const messageId = `<${number.toString(36)}.${this.#seed.toString(36)}.${Math.floor(this.#random() * 1e9).toString(36)}@mail.example>`;
    const outgoing = !thread.list && this.#random() < 0.2;
    const [name, address] = this.#pick(PEOPLE);
    const me = mailbox('Mailquay User', this.#owner);
    const other = mailbox(name, address);
    const headers = [
      `Return-Path: <${outgoing ? this.#owner : address}>`,
      `Received: from mx.example (mx.example [192.0.2.${number % 250}])\r\n\tby mail.example with ESMTPS id ${number.toString(36)};\r\n\t${rfcDate(date)}`,
      `Date: ${rfcDate(date)}`,
      `From: ${outgoing ? me : other}`,
      `To: ${outgoing ? other : thread.list ? `<${thread.list[0]}@lists.example>` : me}`,
      `Subject: ${encodeWords(subject)}`,
      `Message-ID: ${messageId}`,
    ];
    if (this.#random() < 0.25) headers.push(`Cc: ${this.#some(1, 4).join(',\r\n ')}`);
    if (reply) {
      headers.push(`In-Reply-To: ${thread.ids.at(-1)}`, `References: ${thread.ids.slice(-20).join('\r\n ')}`);
    }
    if (thread.list) headers.push(...listHeaders(thread.list, this.#random() < 0.5));
    else if (kind === 'newsletter')
      headers.push('List-Unsubscribe: <https://news.example/u/1>', 'Precedence: bulk');
    headers.push('MIME-Version: 1.0');
    const body = this.#body(kind, number, reply ? thread.subject : undefined);
    thread.ids.push(messageId);
    return {
      raw: Buffer.from(`${headers.join('\r\n')}\r\n${body}`),
      messageId,
      subject,
      thread: thread.number,
      kind,
    };
  }

  #thread(): Thread {
    if (this.#open.length > 0 && this.#random() < 0.55) {
      const thread = this.#pick(this.#open);
      if (thread.ids.length < 120) return thread;
    }
    const number = this.#threads++;
    const list = this.#random() < 0.12 ? this.#pick(LISTS) : undefined;
    const text = `${this.#pick(SUBJECTS)}${this.#random() < 0.6 ? ` #${number}` : ''}`;
    const thread = { number, subject: list ? `[${list[0]}] ${text}` : text, ids: [], list };
    this.#open.push(thread);
    if (this.#open.length > 40) this.#open.splice(Math.floor(this.#random() * 20), 1);
    return thread;
  }

  #kind(thread: Thread, reply: boolean): MadeMail['kind'] {
    const dice = this.#random();
    if (dice < 0.3) return 'plain';
    if (dice < 0.42) return 'attachment';
    if (dice < 0.5) return 'inline';
    return dice < 0.62 && !reply && !thread.list ? 'newsletter' : 'html';
  }

  #body(kind: MadeMail['kind'], number: number, quoted: string | undefined): string {
    const parts = Array.from({ length: this.#between(1, kind === 'newsletter' ? 12 : 5) }, () =>
      this.#pick(this.#paragraphs),
    );
    const quote = quoted
      ? `\r\n> ${quotedPrintable(quoted)}\r\n> ${quotedPrintable(SENTENCES[number % SENTENCES.length] ?? '')}`
      : '';
    const text = `${header('text/plain; charset=utf-8', 'quoted-printable')}${parts.map((p) => p.text).join('\r\n\r\n')}${quote}\r\n`;
    if (kind === 'plain') return text;
    const image =
      kind === 'inline' ? `<p><img src=3D"cid:image${number}@mail.example" alt=3D"image"></p>` : '';
    const inner = parts.map((p) => p.html).join('\r\n');
    const html = `${header('text/html; charset=utf-8', 'quoted-printable')}${HTML_HEAD}${inner}\r\n${image}\r\n${HTML_TAIL}\r\n`;
    const alternative = multipart('alternative', `a${number}`, [text, html]);
    const file = this.#pick(FILE_NAMES);
    const data = this.#pick(this.#bytes);
    if (kind === 'attachment') {
      const type = `application/octet-stream;\r\n ${nameParameter('name', file)}`;
      const disposition = `Content-Disposition: attachment;\r\n ${nameParameter('filename', file)}\r\n`;
      return multipart('mixed', `m${number}`, [
        alternative,
        `${disposition}${header(type, 'base64')}${data}\r\n`,
      ]);
    }
    if (kind === 'inline') {
      const extra = `Content-ID: <image${number}@mail.example>\r\nContent-Disposition: inline; filename="image.png"\r\n`;
      return multipart('related', `r${number}`, [
        alternative,
        `${extra}${header('image/png', 'base64')}${PIXEL}\r\n`,
      ]);
    }
    return alternative;
  }

  #paragraph(): Paragraph {
    const sentences = Array.from({ length: this.#between(2, 9) }, () => this.#pick(SENTENCES));
    const html = `<p class="paragraph" style="margin:0 0 12px;font-family:Arial,sans-serif;font-size:14px;line-height:1.5">${sentences.map((s) => s.replace(/&/g, '&amp;')).join('<br>')}</p>`;
    return { text: quotedPrintable(sentences.join('\n')), html: quotedPrintable(html) };
  }

  #some(least: number, most: number): string[] {
    return Array.from({ length: this.#between(least, most) }, () => mailbox(...this.#pick(PEOPLE)));
  }

  #between(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }
}

const HTML_HEAD = quotedPrintable(
  '<!DOCTYPE html><html><head><meta charset="utf-8"><style>body{color:#222}a{color:#06c}.footer{color:#888;font-size:11px}</style></head>\n<body><div class="wrapper">\n',
);
const HTML_TAIL = quotedPrintable(
  '<div class="footer">Sent with care — <a href="https://example.org/unsubscribe?u=1&amp;m=2">unsubscribe</a></div></div></body></html>',
);
const PIXEL = base64Lines(
  Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  ),
);

function header(type: string, encoding: string): string {
  return `Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
}

function multipart(subtype: string, boundary: string, parts: string[]): string {
  const mark = `=_${boundary}`;
  const body = parts.map((part) => `--${mark}\r\n${part}\r\n`).join('');
  return `Content-Type: multipart/${subtype}; boundary="${mark}"\r\n\r\n${body}--${mark}--\r\n`;
}

function listHeaders([name, title, id]: (typeof LISTS)[number], unsubscribe: boolean): string[] {
  const headers = [
    `List-Id: ${encodeWords(title)} <${id}>`,
    `List-Post: <mailto:${name}@lists.example>`,
    'Precedence: list',
  ];
  if (unsubscribe)
    headers.push(`List-Unsubscribe: <mailto:${name}-leave@lists.example>, <https://lists.example/${name}>`);
  return headers;
}

/** A date as mail headers hold it, in UTC. */
function rfcDate(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}
