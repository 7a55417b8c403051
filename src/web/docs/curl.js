import { exampleOf } from './schema.js';

/** Quotes a word for a POSIX shell. */
const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

/** The command for an operation with these values (by parameter name), against this origin. */
export function curlFor(origin, { method, path, operation }, values, schemas) {
  const filled = path.replace(/\{(\w+)\}/g, (whole, name) =>
    values[name] ? encodeURIComponent(values[name]) : whole,
  );
  const query = operation.parameters
    .filter((parameter) => parameter.in === 'query' && (values[parameter.name] || parameter.required))
    .flatMap(({ name, explode }) => {
      const value = values[name] || '…';
      const parts = explode ? value.split(',') : [value];
      return parts.map((part) => `${name}=${encodeURIComponent(part)}`);
    })
    .join('&');
  const words = ['curl'];
  if (method !== 'get') words.push('-X', method.toUpperCase());
  // Double quotes: the shell puts the key in.
  if (operation.security.some((scheme) => scheme.ApiKey)) words.push('-H "Authorization: Bearer $KEY"');
  const json = operation.requestBody?.content['application/json'];
  if (json) {
    words.push('-H', quote('Content-Type: application/json'));
    words.push('-d', quote(JSON.stringify(exampleOf(json.schema, schemas))));
  }
  return [...words, quote(`${origin}${filled}${query && `?${query}`}`)].join(' ');
}
