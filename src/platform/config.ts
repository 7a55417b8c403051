import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { StartupError } from './errors.ts';

/** Everything an operator can set, read once from the environment. */
export interface Config {
  host: string;
  port: number;
  dataDir: string;
  apiKey: string | null;
  masterKey: string | null;
  /** Older master keys that may still be needed to read, newest first. */
  previousMasterKeys: string[];
  databaseUrl: string | null;
  /** Hosts on loopback and private ranges may be dialled. */
  allowPrivateNetworks: boolean;
  /** Applications may remove mail for good (`hard_delete`); otherwise it only goes to Trash. */
  allowHardDelete: boolean;
  logLevel: string;
  /** Days that raw copies of mail stay in the blob store (the provider keeps the original). */
  rawRetentionDays: number;
  blobs:
    | { kind: 'files'; directory: string }
    | { kind: 's3'; url: string; region: string; accessKeyId: string; secretAccessKey: string };
  dnsServers: string[];
  rateLimits: RateLimits;
}

/** How many requests go through; 0 is no limit. The contract's numbers (1.6) are the defaults. */
export interface RateLimits {
  /** Of one grant's mailbox. */
  grantPerSecond: number;
  /** Of one application and kind of resource: applications, grants, connect … */
  applicationPerSecond: number;
  /** Of one application to /v3/providers/detect, which asks the DNS of strangers. */
  detectionsPerMinute: number;
}

const DEFAULT_PORT = 8025;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
/** The API's documented cache time of raw copies: seven days. */
const DEFAULT_RAW_RETENTION_DAYS = 7;

/** Reads the configuration; throws a {@link StartupError} that names the variable at fault. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const dataDir = resolve(env.MAILQUAY_DATA_DIR || './data');
  return {
    host: env.MAILQUAY_HOST || '127.0.0.1',
    port: integer(env, 'MAILQUAY_PORT', DEFAULT_PORT, 0, 65_535),
    dataDir,
    apiKey: apiKey(env),
    masterKey: env.MAILQUAY_MASTER_KEY ?? null,
    previousMasterKeys: list(env.MAILQUAY_PREVIOUS_MASTER_KEYS),
    databaseUrl: databaseUrl(env),
    allowPrivateNetworks: boolean(env, 'MAILQUAY_ALLOW_PRIVATE_NETWORKS'),
    allowHardDelete: boolean(env, 'MAILQUAY_ALLOW_HARD_DELETE'),
    logLevel: logLevel(env),
    rawRetentionDays: integer(env, 'MAILQUAY_RAW_RETENTION_DAYS', DEFAULT_RAW_RETENTION_DAYS, 0, 3650),
    blobs: blobs(env, dataDir),
    dnsServers: dnsServers(env),
    rateLimits: rateLimits(env),
  };
}

function list(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean);
}

function apiKey(env: NodeJS.ProcessEnv): string | null {
  const value = env.MAILQUAY_API_KEY;
  if (!value) return null;
  // Long enough not to be guessed, and fit for an Authorization header.
  if (!/^[\x21-\x7e]{12,512}$/.test(value)) {
    throw new StartupError(
      'MAILQUAY_API_KEY must be 12 to 512 visible ASCII characters. Try: openssl rand -hex 24',
    );
  }
  return value;
}

function logLevel(env: NodeJS.ProcessEnv): string {
  const level = env.MAILQUAY_LOG_LEVEL || 'warn';
  if (LOG_LEVELS.includes(level)) return level;
  throw new StartupError(`MAILQUAY_LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, but is "${level}".`);
}

function dnsServers(env: NodeJS.ProcessEnv): string[] {
  const servers = list(env.MAILQUAY_DNS_SERVERS);
  for (const server of servers) {
    const [, bracketed, plain, port = '53'] = /^(?:\[(.*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(server) ?? [];
    if (!isIP(bracketed ?? plain ?? server) || Number(port) > 65_535) {
      throw new StartupError(
        `MAILQUAY_DNS_SERVERS must be addresses such as 9.9.9.9 or [2620:fe::fe]:53, separated by commas, but one is "${server}".`,
      );
    }
  }
  return servers;
}

function rateLimits(env: NodeJS.ProcessEnv): RateLimits {
  const limit = (name: string, fallback: number) => integer(env, name, fallback, 0, 1_000_000);
  return {
    grantPerSecond: limit('MAILQUAY_GRANT_REQUESTS_PER_SECOND', 200),
    applicationPerSecond: limit('MAILQUAY_APPLICATION_REQUESTS_PER_SECOND', 50),
    detectionsPerMinute: limit('MAILQUAY_DETECTIONS_PER_MINUTE', 20),
  };
}

function databaseUrl(env: NodeJS.ProcessEnv): string | null {
  const url = env.DATABASE_URL;
  if (!url) return null;
  // Not shown: it may hold a password.
  if (!/^(postgres(ql)?:\/\/|socket:)/.test(url)) {
    throw new StartupError('DATABASE_URL must begin with postgres://, as in postgres://user@host/database.');
  }
  return url;
}

function blobs(env: NodeJS.ProcessEnv, dataDir: string): Config['blobs'] {
  const url = env.MAILQUAY_S3_URL;
  if (!url) return { kind: 'files', directory: resolve(dataDir, 'blobs') };
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '') || URL.parse(url)?.pathname === '/') {
    // Not shown: it may hold a password.
    throw new StartupError('MAILQUAY_S3_URL must be an endpoint with a bucket, such as https://host/bucket.');
  }
  const accessKeyId = env.MAILQUAY_S3_ACCESS_KEY_ID;
  const secretAccessKey = env.MAILQUAY_S3_SECRET_ACCESS_KEY;
  if (!accessKeyId || !secretAccessKey) {
    throw new StartupError(
      'MAILQUAY_S3_URL is set, so MAILQUAY_S3_ACCESS_KEY_ID and MAILQUAY_S3_SECRET_ACCESS_KEY must be set too.',
    );
  }
  return { kind: 's3', url, region: env.MAILQUAY_S3_REGION || 'us-east-1', accessKeyId, secretAccessKey };
}

function integer(env: NodeJS.ProcessEnv, name: string, fallback: number, min: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new StartupError(`${name} must be a whole number from ${min} to ${max}, but is "${text}".`);
  }
  return value;
}

function boolean(env: NodeJS.ProcessEnv, name: string): boolean {
  const text = (env[name] ?? '').toLowerCase();
  if (['', '0', 'false', 'no', 'off'].includes(text)) return false;
  if (['1', 'true', 'yes', 'on'].includes(text)) return true;
  throw new StartupError(`${name} must be true or false, but is "${env[name]}".`);
}
