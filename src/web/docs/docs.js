import { element, prose } from './element.js';
import { operationView } from './operation.js';
import { fieldsOf } from './schema.js';

const at = (id) => document.getElementById(id);

/** Every operation of the document, with all words by which it can be found. */
function entriesOf(api) {
  return Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: operation.operationId,
      method,
      path,
      operation,
      tag: operation.tags[0],
      words: [method, path, operation.summary, ...operation.tags, ...operation.parameters.map((p) => p.name)]
        .join(' ')
        .toLowerCase(),
    })),
  );
}

function render(api) {
  const schemas = api.components.schemas;
  const entries = entriesOf(api);
  for (const { name } of api.tags) {
    const own = entries.filter((entry) => entry.tag === name);
    const links = own.map((entry) => {
      entry.link = element(
        'li',
        {},
        element('a', { href: `#${entry.id}` }, `${entry.method.toUpperCase()} `, entry.operation.summary),
      );
      return entry.link;
    });
    const views = own.map((entry) => {
      entry.view = operationView(entry, schemas);
      return entry.view;
    });
    at('nav').append(element('section', {}, element('h2', {}, name), element('ul', {}, links)));
    at('content').append(element('section', {}, element('h2', {}, name), views));
  }
  const named = Object.entries(schemas).filter(([name]) => !name.startsWith('Selected'));
  const shapes = named.map(([name, schema]) =>
    element(
      'details',
      { id: `schema-${name}` },
      element('summary', {}, element('code', {}, name)),
      element('p', {}, prose(schema.description)),
      fieldsOf(schema) ?? '',
    ),
  );
  at('content').append(element('section', { id: 'schemas' }, element('h2', {}, 'Schemas'), shapes));
  at('version').textContent = api.info.version;
  at('state').textContent = '';
  at('state').append(...prose(api.info.description));
  return entries;
}

/** Shows what holds every word of the search, and the sections that still have something. */
function search(entries, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { view, link, words: own } of entries) {
    const found = words.every((word) => own.includes(word));
    view.hidden = !found;
    link.hidden = !found;
  }
  for (const section of document.querySelectorAll('nav section, main section:not(#schemas)')) {
    section.hidden = !section.querySelector('li:not([hidden]), .operation:not([hidden])');
  }
  const left = entries.filter((entry) => !entry.view.hidden).length;
  if (words.length > 0) at('state').textContent = `${left} of ${entries.length} operations`;
}

/** Opens what the address names. */
function openTarget() {
  const target = at(decodeURIComponent(location.hash.slice(1)));
  if (target?.tagName !== 'DETAILS') return;
  target.open = true;
  target.scrollIntoView();
  target.querySelector('summary').focus({ preventScroll: true });
}

try {
  const response = await fetch('/openapi.json');
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const entries = render(await response.json());
  at('search').addEventListener('input', (event) => search(entries, event.target.value));
  addEventListener('hashchange', openTarget);
  openTarget();
} catch (error) {
  at('state').textContent = `The description could not be read: ${error.message}`;
}

addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName))
    return;
  event.preventDefault();
  at('search').focus();
});
