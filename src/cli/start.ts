import type { Config } from '../platform/config.ts';
import { StartupError } from '../platform/errors.ts';
import { primaryKeyId } from '../store/master-keys.ts';
import { type Instance, openInstance } from './instance.ts';
import type { RunningServer } from './serve.ts';

/** `mailquay start`: runs until SIGTERM or Ctrl-C. */
export async function start(config: Config, out: (line: string) => void): Promise<void> {
  const ended = Promise.withResolvers<string | null>();
  // From the first moment on: who is told to stop while starting stops as soon as it has started.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve(null));
  const opening = openInstance(config, {
    onExit: ({ problem }) =>
      ended.resolve(
        problem?.message ??
          'The embedded PostgreSQL ended by itself. Start mailquay again; with MAILQUAY_LOG_LEVEL=info its own words are in the log.',
      ),
  });
  opening.catch(() => {}); // told when it is awaited
  // The server's libraries are loaded while PostgreSQL starts, and not at all by commands that only look into the database.
  const { serve } = await import('./serve.ts');
  const server = await serve(await opening);
  await greet(server, config, out);
  const problem = await ended.promise;
  if (!problem) out('Stopping.');
  // A second signal does not wait.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  await server.stop();
  if (problem) throw new StartupError(problem);
}

async function greet(server: RunningServer, config: Config, out: (line: string) => void): Promise<void> {
  out(`mailquay is ready at ${server.origin}`);
  if (server.newKey) {
    out('');
    out(`Your first API key, shown only this once:  ${server.newKey}`);
    out('Connect a mailbox:  npx mailquay connect');
    out('');
  } else if (!config.apiKey) {
    out('API keys: mailquay api-keys list, create, revoke');
  }
  const unused = await unusedMasterKey(server.instance);
  if (unused) out(unused);
  out('Stop with Ctrl-C.');
}

/** What to say when MAILQUAY_MASTER_KEY is set and another key is the one that encrypts; null when all is well. */
async function unusedMasterKey({ secrets, database }: Instance): Promise<string | null> {
  const primary = await database.db.engine(primaryKeyId);
  if (!secrets.environmentKey || secrets.environmentKey.id === primary) return null;
  return `MAILQUAY_MASTER_KEY is not in use yet: secrets are encrypted with master key ${primary}. To change to it: mailquay keys rotate`;
}
