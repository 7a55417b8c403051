import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded/start.ts';

/** A PostgreSQL of its own that can be ended at any moment and started again. */
export class Cluster {
  readonly #directory: string;
  #server: EmbeddedPostgres | null = null;
  #ended: Promise<void> = Promise.resolve();
  url = '';

  private constructor(parent: string) {
    this.#directory = mkdtempSync(join(parent, 'mailquay-cluster-'));
    // As root the server runs as somebody else, who must get in.
    chmodSync(this.#directory, 0o711);
  }

  /** `parent`: the directory in which it makes its own, for example a small disk. */
  static async start(parent = tmpdir()): Promise<Cluster> {
    const cluster = new Cluster(parent);
    await cluster.startAgain();
    return cluster;
  }

  async startAgain(): Promise<void> {
    // The data directory is given back first.
    await this.#ended;
    const ended = Promise.withResolvers<void>();
    const server = await startEmbeddedPostgres({
      dataDir: join(this.#directory, 'data'),
      log: { info: () => {}, warn: () => {} },
      onExit: () => {
        this.#server = null;
        ended.resolve();
      },
    });
    this.#server = server;
    this.#ended = ended.promise.then(() => server.stop());
    const { host, port, user, database } = server.connection;
    this.url = `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  }

  /** Resolves when it has ended. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Ends it as `pg_ctl -m immediate` does, without a checkpoint. */
  async crash(): Promise<void> {
    if (this.#server) process.kill(this.#server.pid, 'SIGQUIT');
    await this.#ended;
  }

  /** A connection of the superuser, who has some in reserve. */
  async superuser(): Promise<pg.Client> {
    const { host, port, database } = (this.#server as EmbeddedPostgres).connection;
    const client = new pg.Client({ host, port, database, user: 'postgres' });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
