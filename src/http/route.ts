import type { FastifyRequest } from 'fastify';
import type { Static, TObject, TSchema } from 'typebox';
import type { Sql } from '../store/database.ts';
import type { Scope } from '../store/scope.ts';
import type { Answer } from './answer.ts';
import type { Principal } from './auth.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The `:names` of a path template, each a decoded string. */
type PathParams<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? { [K in Name]: string } & PathParams<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? { [K in Name]: string }
    : unknown;

/** A request that anybody may make. */
export interface Call<Path extends string, Query, Body> {
  params: PathParams<Path>;
  query: Query;
  body: Body;
  request: FastifyRequest;
}

/** A request with an API key, or signed by a service account. */
export interface ApplicationCall<Path extends string, Query, Body> extends Call<Path, Query, Body> {
  principal: Principal;
}

/** A request about one mailbox of the application. */
export interface GrantCall<Path extends string, Query, Body> extends ApplicationCall<Path, Query, Body> {
  /**
   * Finds the grant of the path and works in its application's transaction, which for a GET can only read. An unknown,
   * foreign or deleted grant is 404, one whose login was refused is 401.
   */
  inGrant<T>(work: (sql: Sql, scope: Scope) => Promise<T>): Promise<T>;
  /** The grant of the path, for work that has its own transactions; refused as by `inGrant`. */
  grantScope(): Promise<Scope>;
}

interface Declaration<Path extends string, Query extends TObject, Body extends TSchema> {
  method: Method;
  path: Path;
  /** What it does, in one line, and the group that it stands in: for the reader of OpenAPI. */
  summary: string;
  tag: string;
  /** In what it is other than the contract says, in one sentence; absent when in nothing. */
  differs?: string;
  /** Strings, integers, booleans and enumerations, or arrays of them; see query.ts. */
  query?: Query;
  body?: Body;
  /** The answer's body; absent when it is not JSON, and then `contentType` says what it is. */
  response?: TSchema;
  /** Media type or range of an answer that is not JSON. */
  contentType?: string;
  /** The status of success; 200 when absent. */
  status?: number;
  /** Statuses of refusals beyond those that follow from the rest (see openapi/responses.ts). */
  errors?: number[];
  /** Bytes; the server's own limit when absent. */
  bodyLimit?: number;
  /** Under which rate it falls, if not that of its access (request-limits.ts). */
  limit?: 'detection';
}

/** A route as the server keeps it: what it declares (validation and OpenAPI read it) and what it does. */
export interface Route extends Declaration<string, TObject, TSchema> {
  access: 'public' | 'application' | 'grant' | 'service-account';
  handle(call: GrantCall<string, unknown, unknown>): Promise<Answer> | Answer;
}

type Spec<Path extends string, Query extends TObject, Body extends TSchema, C> = Declaration<
  Path,
  Query,
  Body
> & {
  handle(call: C): Promise<Answer> | Answer;
};

type Q<S extends TSchema> = Static<S>;

/** A route without authentication. */
export function publicRoute<
  const Path extends string,
  Query extends TObject = TObject<Record<never, TSchema>>,
  Body extends TSchema = TSchema,
>(spec: Spec<Path, Query, Body, Call<Path, Q<Query>, Q<Body>>>): Route {
  return { ...spec, access: 'public' } as unknown as Route;
}

/** A route that needs an API key. */
export function applicationRoute<
  const Path extends string,
  Query extends TObject = TObject<Record<never, TSchema>>,
  Body extends TSchema = TSchema,
>(spec: Spec<Path, Query, Body, ApplicationCall<Path, Q<Query>, Q<Body>>>): Route {
  return { ...spec, access: 'application' } as unknown as Route;
}

/** A route for requests that a service account signed, about its application. */
export function signedRoute<
  const Path extends string,
  Query extends TObject = TObject<Record<never, TSchema>>,
  Body extends TSchema = TSchema,
>(spec: Spec<Path, Query, Body, ApplicationCall<Path, Q<Query>, Q<Body>>>): Route {
  return { ...spec, access: 'service-account' } as unknown as Route;
}

/** A route under `/v3/grants/:grant_id`, about that grant's mailbox. */
export function grantRoute<
  const Path extends `/v3/grants/:grant_id/${string}`,
  Query extends TObject = TObject<Record<never, TSchema>>,
  Body extends TSchema = TSchema,
>(spec: Spec<Path, Query, Body, GrantCall<Path, Q<Query>, Q<Body>>>): Route {
  return { ...spec, access: 'grant' } as unknown as Route;
}
