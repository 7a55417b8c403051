/** Makes an element: properties, listeners (`onclick`) or attributes, then children. Text is never markup. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child || child === 0));
  return node;
}

/** Text in which `backquoted` words are code. */
export function prose(text) {
  return String(text ?? '')
    .split('`')
    .map((part, index) => (index % 2 ? element('code', {}, part) : part));
}
