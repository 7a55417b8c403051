import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What the stand-in was asked to do wrong. */
interface S3Faults {
  /** So many of the next requests are answered with 503. */
  busy: number;
  /** So many of the next connections are cut without an answer. */
  cut: number;
}

export interface S3StandIn {
  url: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  objects: Map<string, Buffer>;
  faults: S3Faults;
  close(): Promise<void>;
}

const PAGE = 3;

/**
 * A small store that speaks S3 path-style over one bucket and refuses what real ones refuse: a wrong signature, a
 * body that is not the signed one, an old date. Lists come in pages of three, so that continuation is used.
 */
export async function startS3(): Promise<S3StandIn> {
  const standIn = {
    region: 'eu-test-1',
    accessKeyId: 'AKIDTEST',
    secretAccessKey: 'secret/with+signs',
    objects: new Map<string, Buffer>(),
    faults: { busy: 0, cut: 0 },
  };
  const server: Server = createServer((request, response) => {
    answer(standIn, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...standIn,
    url: `http://127.0.0.1:${port}/mail-bucket/some/prefix`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  store: Omit<S3StandIn, 'url' | 'close'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (store.faults.cut > 0) {
    store.faults.cut--;
    request.socket.destroy();
    return;
  }
  const body = await buffer(request);
  if (store.faults.busy > 0) {
    store.faults.busy--;
    return fail(response, 503, 'SlowDown');
  }
  const refusedBecause = checkSignature(store, request, body);
  if (refusedBecause) return fail(response, 403, refusedBecause);
  const url = new URL(request.url!, 'http://s3');
  const [bucket, ...rest] = url.pathname.slice(1).split('/').map(decodeURIComponent);
  if (bucket !== 'mail-bucket') return fail(response, 404, 'NoSuchBucket');
  const key = rest.join('/');
  if (!key && request.method === 'GET') return list(store, url, response);
  const object = store.objects.get(key);
  switch (request.method) {
    case 'PUT':
      store.objects.set(key, body);
      response.writeHead(200, { etag: '"x"' }).end();
      return;
    case 'DELETE':
      store.objects.delete(key);
      response.writeHead(204).end();
      return;
    case 'HEAD':
    case 'GET':
      if (!object) return fail(response, 404, 'NoSuchKey');
      return sendObject(request, response, object);
    default:
      return fail(response, 405, 'MethodNotAllowed');
  }
}

function sendObject(request: IncomingMessage, response: ServerResponse, object: Buffer): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (!range) {
    response.writeHead(200, { 'content-length': object.length });
    response.end(request.method === 'HEAD' ? undefined : object);
    return;
  }
  const start = Number(range[1]);
  if (start >= object.length) {
    fail(response, 416, 'InvalidRange');
    return;
  }
  const part = object.subarray(start, Number(range[2]) + 1);
  response.writeHead(206, {
    'content-length': part.length,
    'content-range': `bytes ${start}-${start + part.length - 1}/${object.length}`,
  });
  response.end(part);
}

function list(store: Omit<S3StandIn, 'url' | 'close'>, url: URL, response: ServerResponse): void {
  const prefix = url.searchParams.get('prefix') ?? '';
  const after = url.searchParams.get('continuation-token') ?? '';
  const keys = [...store.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = keys.slice(0, PAGE);
  const more = keys.length > PAGE;
  const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${page
      .map((key) => `<Contents><Key>${key}</Key></Contents>`)
      .join('')}</ListBucketResult>`,
  );
}

function fail(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<Error><Code>${code}</Code></Error>`);
}

/** Recomputes the signature from what arrived; written apart from the client's own signer, from AWS's description. */
function checkSignature(
  store: { region: string; accessKeyId: string; secretAccessKey: string },
  request: IncomingMessage,
  body: Buffer,
): string | null {
  const sha = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
  const mac = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest();
  const parsed =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (!parsed) return 'AuthorizationHeaderMalformed';
  const [, accessKey, day, region, signedHeaders, signature] = parsed as unknown as string[];
  if (accessKey !== store.accessKeyId) return 'InvalidAccessKeyId';
  if (region !== store.region) return 'AuthorizationHeaderMalformed';
  if (request.headers['x-amz-content-sha256'] !== sha(body)) return 'XAmzContentSHA256Mismatch';
  const date = String(request.headers['x-amz-date']);
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (!parts || date.slice(0, 8) !== day) return 'AccessDenied';
  const at = Date.parse(`${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}Z`);
  if (Math.abs(Date.now() - at) > 15 * 60_000) return 'RequestTimeTooSkewed';
  const names = signedHeaders!.split(';');
  if (!['host', 'x-amz-date', 'x-amz-content-sha256'].every((name) => names.includes(name)))
    return 'AccessDenied';
  const [path, query = ''] = request.url!.split('?');
  const canonical = [
    request.method,
    path,
    query.split('&').filter(Boolean).sort().join('&'),
    names.map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join(''),
    names.join(';'),
    sha(body),
  ].join('\n');
  const toSign = `AWS4-HMAC-SHA256\n${date}\n${day}/${region}/s3/aws4_request\n${sha(canonical)}`;
  const key = mac(mac(mac(mac(`AWS4${store.secretAccessKey}`, day!), region!), 's3'), 'aws4_request');
  const good = timingSafeEqual(mac(key, toSign), Buffer.from(signature!, 'hex'));
  return good ? null : 'SignatureDoesNotMatch';
}
