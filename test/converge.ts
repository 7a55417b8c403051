/**
 * `npm run converge -- --minutes N`: rounds of random changes at the server and through the API, with kills and cut
 * connections, on servers with and without what the field lacks. `--seed S --server NAME` repeats a round.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { installTestbed } from '../testbed/install.ts';
import { round } from './converge/round.ts';
import { SERVERS } from './converge/servers.ts';
import { inFreshDatabase } from './support/engine-sql.ts';
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
      const error = await inFreshDatabase((databaseUrl) =>
        round({ databaseUrl, seed, capabilities, steps, kills }),
      ).then(
        () => null,
        (thrown: Error) => thrown,
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

main().then(
  (ok) => process.exit(ok ? 0 : 1),
  (error: Error) => {
    console.error(error);
    process.exit(1);
  },
);
