import { Type } from 'typebox';
import { version } from '../../platform/version.ts';
import { plain } from '../answer.ts';
import { openApiDocument } from '../openapi/document.ts';
import { publicRoute, type Route } from '../route.ts';

/** `/openapi.json`: the description of all these routes, and of itself; made when it is first asked for. */
export function openApiRoutes(others: Route[]): Route[] {
  let text: string | undefined;
  const route: Route = publicRoute({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    tag: 'Documentation',
    response: Type.Record(Type.String(), Type.Unknown()),
    handle: () => {
      text ??= written();
      return plain(text, { contentType: 'application/json; charset=utf-8' });
    },
  });
  const written = () => JSON.stringify(openApiDocument([...others, route], version()), null, 1);
  return [route];
}
