// Opens reports as a reader would, on a desk and on a phone, by day and by night, and says what is wrong.
//
//   node check.mjs [--shots FOLDER] PAGE.html...
//
// CHROMIUM names the browser where it is not /usr/bin/chromium.
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const given = process.argv.slice(2);
const at = given.indexOf('--shots');
const shots = at < 0 ? null : given.splice(at, 2)[1];
const MOST_BYTES = 15e6;
const PAINT_MS = 1000;

const screens = [
  { name: 'desk', viewport: { width: 1280, height: 900 } },
  { name: 'phone', viewport: { width: 390, height: 844 } },
];
const faults = [];

async function sorts(page) {
  const button = page.locator('section > .scroll th button.sort').first();
  if (!(await button.count())) return;
  const heading = button.locator('xpath=..');
  await button.focus();
  await page.keyboard.press('Enter');
  const first = await heading.getAttribute('aria-sort');
  await page.keyboard.press('Enter');
  const second = await heading.getAttribute('aria-sort');
  if (!first || !second || first === second) faults.push(`a heading sorts ${first}, then ${second}`);
}

async function filters(page) {
  const field = page.locator('section > .filter input').first();
  if (!(await field.count())) return;
  await field.fill('no such words anywhere');
  const rows = page.locator('section > .filter + .scroll tbody').first().locator('tr:visible');
  if (await rows.count()) faults.push('a filter that nothing meets leaves rows');
  await field.fill('');
  if (!(await rows.count())) faults.push('an empty filter leaves no rows');
}

async function explores(page) {
  if (!(await page.locator('#explorer').count())) return;
  const rows = page.locator('#explorer tbody tr');
  const heading = rows.first().locator('th button');
  await heading.focus();
  await page.keyboard.press('Enter');
  const key = await heading.textContent();
  const said = await page.locator('#explorer .said').textContent();
  if (!said.startsWith(key)) faults.push(`choosing ${key} says ${JSON.stringify(said)}`);
  const before = await page.locator('#explorer caption').textContent();
  await page.locator('#explorer-search').fill(key);
  const after = await page.locator('#explorer caption').textContent();
  if (before === after) faults.push(`searching ${key} changes nothing`);
  await page.locator('#explorer-search').fill('');
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
for (const file of given) {
  const bytes = readFileSync(file).length;
  if (bytes > MOST_BYTES) faults.push(`${file}: ${bytes} bytes, more than ${MOST_BYTES}`);
  for (const { name, viewport } of screens) {
    for (const colorScheme of ['light', 'dark']) {
      const where = `${basename(file)}, ${name}, ${colorScheme}`;
      const known = faults.length;
      const context = await browser.newContext({ viewport, colorScheme });
      const page = await context.newPage();
      page.on('console', message => message.type() === 'error' && faults.push(`console: ${message.text()}`));
      page.on('pageerror', error => faults.push(`script: ${error}`));
      page.on('request', request => /^https?:/.test(request.url()) && faults.push(`reaches for ${request.url()}`));
      await page.goto(pathToFileURL(resolve(file)).href);
      const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
      if (!(paint < PAINT_MS)) faults.push(`first paint after ${paint} ms`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) faults.push(`the page is ${overflow} px wider than the screen`);
      // The page's own policy lets no other script in: axe is put in beside it.
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
      for (const { id, help, nodes } of violations) {
        faults.push(`${id}: ${help} (${nodes.length} times, first ${nodes[0].html.slice(0, 120)})`);
      }
      await sorts(page);
      await filters(page);
      await explores(page);
      if (shots) {
        const stem = `${shots}/${basename(file, '.html')}-${name}-${colorScheme}`;
        await page.screenshot({ path: `${stem}.png`, fullPage: true });
      }
      await context.close();
      for (let i = known; i < faults.length; i++) faults[i] = `${where}: ${faults[i]}`;
      console.log(`${where}: first paint ${Math.round(paint)} ms, ${bytes} bytes, ${faults.length - known} faults`);
    }
  }
}
await browser.close();
faults.forEach(fault => console.error(fault));
process.exitCode = faults.length ? 1 : 0;
