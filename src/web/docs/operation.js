import { curlFor } from './curl.js';
import { element, prose } from './element.js';
import { fieldsOf, limitsOf, typeOf } from './schema.js';

/** One operation, closed until somebody opens it. */
export function operationView(entry, schemas) {
  const { id, method, path, operation } = entry;
  const details = element(
    'details',
    { id, class: 'operation' },
    element(
      'summary',
      {},
      element('span', { class: `method ${method}` }, method.toUpperCase()),
      element('code', { class: 'path' }, path),
      element('span', { class: 'what' }, operation.summary),
    ),
  );
  // Most are never looked at.
  details.addEventListener('toggle', () => details.append(...insides(entry, schemas)), { once: true });
  return details;
}

function insides(entry, schemas) {
  const { operation } = entry;
  const values = {};
  const command = element('code', { tabindex: '0', 'aria-label': 'Command line' });
  const show = () => {
    command.textContent = curlFor(location.origin, entry, values, schemas);
  };
  show();
  const change = (name, value) => {
    values[name] = value;
    show();
  };
  const body = operation.requestBody?.content['application/json']?.schema;
  return [
    ...(operation.description ? [element('p', {}, prose(operation.description))] : []),
    element('div', { class: 'command' }, element('pre', {}, command), copyButton(command)),
    ...(operation.security.length > 0 ? [element('p', {}, accessOf(operation))] : []),
    ...(operation.parameters.length > 0
      ? [element('h4', {}, 'Parameters'), parametersView(operation.parameters, change)]
      : []),
    ...(body ? [element('h4', {}, 'Body'), element('p', {}, typeOf(body)), fieldsOf(body) ?? ''] : []),
    element('h4', {}, 'Answers'),
    answersView(operation.responses),
  ];
}

function accessOf({ security }) {
  return security.some((scheme) => scheme.ApiKey)
    ? ['Needs an API key: ', element('code', {}, 'Authorization: Bearer …')]
    : ['Needs the signature of a service account.'];
}

function parametersView(parameters, change) {
  const rows = parameters.map(({ name, in: place, required, description, schema, explode }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, element('code', {}, name), required ? '' : ' ?'),
      element(
        'td',
        {},
        element('input', {
          'aria-label': `${name}, in the ${place}`,
          placeholder: place,
          oninput: (event) => change(name, event.target.value.trim()),
        }),
      ),
      element(
        'td',
        {},
        typeOf(schema),
        schema.type === 'array' && (explode ? ' (repeat it)' : ' (with commas)'),
        limitsOf(schema) && `, ${limitsOf(schema)}`,
        description && '. ',
        prose(description),
      ),
    ),
  );
  return element('table', {}, element('tbody', {}, rows));
}

function answersView(responses) {
  const rows = Object.entries(responses).map(([status, { description, content }]) => {
    const [[type, { schema }]] = Object.entries(content);
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, status),
      element('td', {}, description),
      element('td', {}, type === 'application/json' ? dataOf(schema) : type),
    );
  });
  return element('table', {}, element('tbody', {}, rows));
}

/** What is inside the envelope. */
function dataOf(schema) {
  if (schema.anyOf) return schema.anyOf.flatMap((branch, i) => [i ? ' or ' : '', ...dataOf(branch)]);
  return typeOf(schema.properties?.data ?? schema);
}

function copyButton(command) {
  const copy = async ({ target }) => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      target.textContent = 'Copied';
    } catch {
      // Without https there is no clipboard: then it stands selected, ready to be copied by hand.
      getSelection().selectAllChildren(command);
      target.textContent = 'Selected';
    }
    setTimeout(() => {
      target.textContent = 'Copy';
    }, 2_000);
  };
  return element('button', { type: 'button', onclick: copy }, 'Copy');
}
