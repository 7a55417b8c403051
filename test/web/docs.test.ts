/** /docs, over HTTP and in a real browser. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenApi } from '../../src/http/openapi/document.ts';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { findProgram } from '../../testbed/process.ts';
import { startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let described: OpenApi;

beforeAll(async () => {
  api = await startApi();
  described = (await (await api.call('/openapi.json')).json()) as OpenApi;
});

afterAll(() => api?.close());

const operationCount = () =>
  Object.values(described.paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0);

describe('the page', () => {
  it('is small, whole, and knows no other server', async () => {
    const seen = new Map<string, string>();
    const open = ['/docs'];
    for (let path = open.pop(); path; path = open.pop()) {
      if (seen.has(path)) continue;
      const response = await api.call(path);
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      const policy = response.headers.get('content-security-policy');
      expect(policy).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      const text = await response.text();
      seen.set(path, text);
      expect(text).not.toMatch(/https?:\/\//);
      for (const [, part] of text.matchAll(/(?:href|src)="(\/docs\/[^"]+)"/g)) open.push(part!);
      for (const [, part] of text.matchAll(/from '\.\/([^']+)'/g)) open.push(`/docs/${part}`);
    }
    expect([...seen.keys()].filter((path) => path.endsWith('.js')).length).toBeGreaterThanOrEqual(4);
    expect([...seen.values()].join('').length).toBeLessThan(50_000);
    expect(seen.get('/docs')).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|<style|\sstyle=/);
  });

  it('has no other parts, whatever the path says', async () => {
    for (const part of [
      'nothing.js',
      '..%2Fdocs.ts',
      '%2e%2e%2f%2e%2e%2fmain.ts',
      '__proto__',
      'docs.html',
    ]) {
      expect([part, (await api.call(`/docs/${part}`)).status]).toEqual([part, 404]);
    }
  });
});

/** Opens everything that can be opened. Scripts for the page are text: only there is a DOM. */
async function openAll(page: Page): Promise<void> {
  await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
  await page.waitForFunction("document.querySelectorAll('.command').length > 10");
}

describeWithTestbed('the page in Chromium', () => {
  let browser: Browser;
  const troubles: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: findProgram('chromium'),
      // As root, as in a container, Chromium has no sandbox.
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    });
  });
  afterAll(() => browser?.close());

  async function open(
    hash = '',
    options: { colorScheme?: 'light' | 'dark'; width?: number } = {},
  ): Promise<Page> {
    const { colorScheme = 'light', width = 1200 } = options;
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } });
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(api.origin) && !request.url().startsWith('data:'))
        troubles.push(request.url());
    });
    await page.goto(`${api.origin}/docs${hash}`);
    await page.waitForSelector('.operation');
    return page;
  }

  it('shows every operation and every schema, and asks nobody else', async () => {
    const page = await open();
    expect(await page.locator('.operation').count()).toBe(operationCount());
    expect(await page.locator('nav a').count()).toBe(operationCount());
    await openAll(page);
    const names = Object.keys(described.components.schemas).filter((name) => !name.startsWith('Selected'));
    expect(await page.locator('#schemas summary').allTextContents()).toEqual(names);
    const text = await page.locator('main').textContent();
    for (const word of ['raw_mime', 'any_email', 'with commas', 'at most 200', 'unread_count', '429']) {
      expect(text).toContain(word);
    }
    expect(text).not.toMatch(/\[object|undefined/);
    expect(troubles).toEqual([]);
    await page.close();
  });

  it('is searched and opened with the keyboard alone', async () => {
    const page = await open();
    await page.keyboard.press('/');
    await page.keyboard.type('attachment download');
    const shown = page.locator('.operation:visible');
    expect(await shown.count()).toBe(1);
    expect(await page.locator('#state').textContent()).toBe(`1 of ${operationCount()} operations`);
    for (let i = 0; i < 10 && !(await shown.locator('summary:focus').count()); i++)
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.operation[open] .command');
    expect(await shown.textContent()).toContain('message_id');
    await page.close();
  });

  it('writes a curl line for this server, to be copied', async () => {
    const page = await open('#getMessages');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const operation = page.locator('#getMessages');
    await operation.getByLabel('grant_id, in the path').fill('me@example.com');
    await operation.getByLabel('from, in the query').fill("o'neil@example.com,b@example.com");
    await operation.getByRole('button', { name: 'Copy' }).click();
    await operation.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate('navigator.clipboard.readText()');
    const query = "from=o'\\''neil%40example.com&from=b%40example.com";
    expect(copied).toBe(
      `curl -H "Authorization: Bearer $KEY" '${api.origin}/v3/grants/me%40example.com/messages?${query}'`,
    );
    await page.close();
  });

  it('fits a phone, in the dark as well', async () => {
    const background = (page: Page) => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await open('#getMessages');
    const dark = await open('#getMessages', { colorScheme: 'dark', width: 360 });
    expect(await background(dark)).not.toBe(await background(light));
    await openAll(dark);
    const fits = await dark.evaluate('document.documentElement.scrollWidth <= innerWidth');
    expect(fits).toBe(true);
    await Promise.all([light.close(), dark.close()]);
  });

  it('runs no script that is written into it', async () => {
    const page = await open();
    const ran = await page.evaluate(`
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      'ran' in window;
    `);
    expect(ran).toBe(false);
    await page.close();
  });
}, ['chromium']);
