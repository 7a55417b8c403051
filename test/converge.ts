/**
 * `npm run converge -- --minutes N`: rounds of random changes at the server and through the API, with kills and cut
 * connections, on servers with and without what the field lacks. `--seed S --server NAME` repeats a round.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { installTestbed } from '../testbed/install.ts';
import { round } from './converge/round.ts';
import { SERVERS } from './converge/servers.ts';
import { engineSql } from './support/engine-sql.ts';
import { eventually } from './support/eventually.ts';
import sharedPostgres from './support/shared-postgres.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string' },
    server: { type: 'string' },
    steps: { type: 'string', default: '30' },
    kills: { type: 'string', default: '1' },
  },
});

async function main(): Promise<boolean> {
  const servers = SERVERS.filter(({ name }) => values.server === undefined || name === values.server);
  if (servers.length === 0)
    throw new Error(`No server "${values.server}"; there are ${SERVERS.map((s) => s.name).join(', ')}.`);
  const { ok, reason } = await installTestbed(['dovecot']);
  if (!ok) throw new Error(reason);
  const stopPostgres = await sharedPostgres();
  const first = values.seed === undefined ? randomInt(2 ** 30) : Number(values.seed);
  const end = Date.now() + Number(values.minutes) * 60_000;
  const [steps, kills] = [Number(values.steps), Number(values.kills)];
  let rounds = 0;
  let failed = 0;
  try {
    do {
      const { name, capabilities } = servers[rounds % servers.length] as (typeof SERVERS)[number];
      const seed = first + 10 * rounds;
      const began = Date.now();
      const error = await inDatabase((databaseUrl) =>
        round({ databaseUrl, seed, capabilities, steps, kills }),
      );
      rounds += 1;
      if (error) failed += 1;
      const how = `--seed ${seed} --server '${name}' --steps ${steps} --kills ${kills}`;
      const took = `${((Date.now() - began) / 1000).toFixed(0)} s`;
      console.log(`${error ? `FAILED: ${error.message}` : 'in step'}: ${how} (${took})`);
    } while (values.seed === undefined && Date.now() < end);
  } finally {
    await stopPostgres?.();
  }
  console.log(
    `${rounds} rounds, ${rounds * 4 * steps} changes, ${rounds * 2 * kills} kills; out of step at rest: ${failed}`,
  );
  return failed === 0;
}

/** Runs in a database of its own; returns what it threw. */
async function inDatabase(work: (url: string) => Promise<void>): Promise<Error | null> {
  const server = process.env.DATABASE_URL || (process.env.MAILQUAY_TEST_DATABASE_URL as string);
  const name = `mailquay_converge_${randomUUID().replaceAll('-', '')}`;
  await engineSql(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  try {
    await work(url.href);
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    await eventually(() => engineSql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  }
}

main().then(
  (ok) => process.exit(ok ? 0 : 1),
  (error: Error) => {
    console.error(error);
    process.exit(1);
  },
);
