// The notices of code that is bundled and not ours: what LICENSE says of it, held against what the packages say themselves.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const BEGIN = 'The pages viewer.html and viewer-small.html';
const flat = (text) => text.replace(/\s+/g, ' ').trim();

/** The packages that files of a bundle are of, by esbuild's list of its inputs. */
export function packagesOf(inputs) {
  const names = Object.keys(inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

/** What LICENSE says of others' code; throws where it does not say what one of these packages asks to be said. */
export async function noticesFor(packages, here) {
  const license = await readFile(join(here, '../LICENSE'), 'utf8');
  const notices = license.slice(license.indexOf(BEGIN));
  for (const name of packages) {
    const own = await readFile(join(here, 'node_modules', name, 'LICENSE'), 'utf8');
    const [copyright, terms] = [/^Copyright .*$/m.exec(own)?.[0], own.slice(own.indexOf('Permission'))];
    if (!copyright || !notices.includes(copyright) || !flat(notices).includes(flat(terms))) {
      throw new Error(`LICENSE does not hold the notice of ${name}, which the page is made with`);
    }
  }
  return notices.trim();
}
