import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { StartupError } from '../platform/errors.ts';

/** Asks on the terminal; `secret` answers are not echoed. Without a terminal nobody can answer: says which flag to use. */
export async function ask(
  question: string,
  options: { flag: string; fallback?: string; secret?: boolean },
): Promise<string> {
  if (!process.stdin.isTTY) {
    if (options.fallback !== undefined) return options.fallback;
    throw new StartupError(`There is no terminal to ask on. Give ${options.flag}.`);
  }
  let muted = false;
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      if (!muted) process.stderr.write(chunk);
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  try {
    const shown = options.fallback ? `${question} [${options.fallback}] ` : `${question} `;
    const answer = terminal.question(shown);
    muted = options.secret ?? false;
    const text = await answer;
    if (options.secret) process.stderr.write('\n');
    return text || options.fallback || '';
  } finally {
    terminal.close();
  }
}
