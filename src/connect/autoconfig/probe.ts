import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Egress } from '../../platform/egress.ts';
import type { Autoconfig, Server } from './servers.ts';

/** How long one server may take from the question for its address to its greeting, in ms. */
const PROBE_MS = 4_000;
/** A greeting line is at most this long, in bytes (RFC 5321 section 4.5.3.1.5 has 512). */
const MAX_GREETING = 1_024;

interface Guess extends Server {
  greeting: RegExp;
}

/** Where mail servers are found by custom, best first. The list of ports is closed: this is no port scanner. */
const IMAP_GUESSES: [prefix: string, port: number, security: Server['security']][] = [
  ['imap', 993, 'tls'],
  ['mail', 993, 'tls'],
  ['imap', 143, 'starttls'],
  ['mail', 143, 'starttls'],
];
const SMTP_GUESSES: [prefix: string, port: number, security: Server['security']][] = [
  ['smtp', 465, 'tls'],
  ['mail', 465, 'tls'],
  ['smtp', 587, 'starttls'],
  ['mail', 587, 'starttls'],
];

/** Looks for servers under the usual names of a domain, through the egress guard only; sends nothing. */
export async function serversByProbe(egress: Egress, domain: string): Promise<Autoconfig | undefined> {
  const [imap, smtp] = await Promise.all([
    firstAnswering(egress, domain, IMAP_GUESSES, /^\* (?:OK|PREAUTH)\b/i),
    firstAnswering(egress, domain, SMTP_GUESSES, /^220[ -]/),
  ]);
  return imap && { imap, ...(smtp && { smtp }) };
}

async function firstAnswering(
  egress: Egress,
  domain: string,
  guesses: typeof IMAP_GUESSES,
  greeting: RegExp,
): Promise<Server | undefined> {
  const answers = await Promise.all(
    guesses.map(async ([prefix, port, security]) => {
      const server = { host: `${prefix}.${domain}`, port, security };
      return (await isThere(egress, { ...server, greeting })) ? server : undefined;
    }),
  );
  return answers.find((server) => server !== undefined);
}

async function isThere(egress: Egress, guess: Guess): Promise<boolean> {
  const deadline = AbortSignal.timeout(PROBE_MS);
  const [first] = await Promise.race([egress.resolve(guess.host).catch(() => []), nothingAt(deadline)]);
  if (!first) return false;
  const { address, servername } = first;
  const socket =
    guess.security === 'tls'
      ? connectTls({ host: address, port: guess.port, servername, minVersion: 'TLSv1.2' })
      : connectTcp({ host: address, port: guess.port });
  return greets(socket, guess.greeting, deadline);
}

function nothingAt(deadline: AbortSignal): Promise<[]> {
  return new Promise((resolve) => deadline.addEventListener('abort', () => resolve([]), { once: true }));
}

function greets(socket: Socket, greeting: RegExp, deadline: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let text = '';
    const settle = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    deadline.addEventListener('abort', () => settle(false), { once: true });
    if (deadline.aborted) settle(false);
    socket.on('error', () => settle(false));
    socket.on('close', () => settle(false));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\n') || text.length > MAX_GREETING) settle(greeting.test(text));
    });
  });
}
