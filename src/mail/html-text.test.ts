import { expect, test } from 'vitest';
import { htmlText } from './html-text.ts';
import { makeSnippet } from './snippet.ts';
import { textToHtml } from './text-html.ts';

test('visible text: blocks on lines, entities decoded, unseen elements left out', () => {
  const html =
    '<html><head><title>T</title><style>p>b{}</style></head><body><!-- c --><p>A &amp; B&nbsp;&#8364;&#x41;</p>' +
    '<script>if (a<b) "</p>"</script><div>one<br>two <b>bold</b>er</div>\n tail</body></html>';
  expect(htmlText(html)).toBe('A & B €A\none\ntwo bolder\ntail');
  expect(htmlText('1 < 2 and 3 > 2')).toBe('1 < 2 and 3 > 2');
  expect(htmlText('<head><meta x><body>text')).toBe('text');
  expect(htmlText('<a title="x>y">link</a>')).toBe('link');
});

test('hidden elements are skipped when asked', () => {
  const html = '<div style="display: none">pre<div>in</div>header</div><p hidden>h</p><p>Hello</p>';
  expect(htmlText(html, { skipHidden: true })).toBe('Hello');
  expect(htmlText(html)).toContain('pre');
  expect(htmlText('<p style="overflow: hidden !important">Hello</p>', { skipHidden: true })).toBe('Hello');
});

test('snippets', () => {
  expect(
    makeSnippet('<div style="max-height:0;overflow:hidden">pre&zwnj;&nbsp;</div><h1>Hi</h1> you', null),
  ).toBe('Hi you');
  expect(makeSnippet('<div style="display:none">only</div>', null)).toBe('only');
  expect(makeSnippet(null, ' a\r\n\tb\u00a0\u200bc ')).toBe('a b c');
  expect(makeSnippet('<style>x</style>', 'text')).toBe('text');
  expect(makeSnippet(`${'<td>\n                </td>'.repeat(100)}<td>far</td>`, null)).toBe('far');
  expect(makeSnippet(null, null)).toBe('');
  const emoji = makeSnippet(null, `x${'😀'.repeat(80)}`);
  expect(emoji.length).toBeLessThanOrEqual(100);
  expect(emoji.isWellFormed()).toBe(true);
});

test('plain text as HTML is escaped, with lines and safe links', () => {
  expect(textToHtml('<b> & "x"\r\nnext')).toBe('&lt;b&gt; &amp; &quot;x&quot;<br>\nnext');
  expect(textToHtml('see https://x.org/a?b=1&c=2.')).toBe(
    'see <a href="https://x.org/a?b=1&amp;c=2">https://x.org/a?b=1&amp;c=2</a>.',
  );
  expect(textToHtml('javascript:alert(1) http:// https://"onclick=')).not.toContain('<a');
});

test('bombs are one pass', () => {
  for (const bomb of [
    '<',
    '<a',
    '<!--',
    '</',
    '<style',
    '<style>',
    '&',
    '&#',
    '<a b="',
    '<p style="display:none">',
    'http://',
    ':',
  ]) {
    expect(typeof htmlText(bomb.repeat(10_000), { skipHidden: true })).toBe('string');
    expect(typeof textToHtml(bomb.repeat(10_000))).toBe('string');
    expect(makeSnippet(bomb.repeat(10_000), bomb.repeat(10_000)).length).toBeLessThanOrEqual(100);
  }
});
