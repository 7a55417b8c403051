export type ProviderErrorKind =
  /** The server refused the login. */
  | 'authentication'
  /** Could not be reached, or the connection broke: try again later. */
  | 'network'
  /** The server asks for patience: THROTTLED, UNAVAILABLE, INUSE, OVERQUOTA, LIMIT. */
  | 'busy'
  /** The folder is not there any more. */
  | 'no_folder'
  /** The server will not open this folder; others may do. */
  | 'folder_refused'
  /** There is a folder of that name already. */
  | 'exists'
  /** What was opened is not what is there now (UIDVALIDITY): start over with this folder. */
  | 'changed'
  /** A search that cannot be read, or that this server will not do. */
  | 'bad_query'
  /** The host may not be dialled (private range). */
  | 'forbidden_host'
  /** The TLS handshake or certificate failed. */
  | 'tls'
  /** The server broke the protocol or refused a command. */
  | 'protocol';

/** What went wrong at the provider, with the server's own words in `response`. */
export class ProviderError extends Error {
  override name = 'ProviderError';
  readonly kind: ProviderErrorKind;
  /** The server's words, untouched; undefined when it did not speak. */
  readonly response: string | undefined;
  readonly code: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** A refused login without a word on why: it may be the password, and it may be a server in trouble. */
  readonly vague: boolean;

  constructor(
    kind: ProviderErrorKind,
    message: string,
    options: {
      response?: string;
      code?: string;
      retryAfterSeconds?: number;
      vague?: boolean;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.response = options.response;
    this.code = options.code;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.vague = options.vague ?? false;
  }
}
