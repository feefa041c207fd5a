// Takes the texts of the languages out of the bundle: strings are packed into elements of the page, functions stay in the code.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { element, pack } from './pack.mjs';

/** Names of all strings that any language has, as a tree with 0 for each. */
function namesOf(into, node) {
  for (const [key, v] of Object.entries(node)) {
    if (typeof v === 'string') into[key] = 0;
    else if (typeof v === 'object' && v !== null) namesOf((into[key] ||= {}), v);
  }
  return into;
}

function stringsOf(names, node) {
  return Object.entries(names).flatMap(([key, inside]) => {
    const v = node?.[key];
    if (inside === 0) return [typeof v === 'string' ? v : ''];
    return stringsOf(inside, v);
  });
}

/** JavaScript of the tree with its functions alone, which stand by themselves: they can use nothing of the file they are from. */
export function codeOf(node) {
  const parts = Object.entries(node).flatMap(([key, v]) => {
    if (typeof v === 'function') return [`${JSON.stringify(key)}: ${v}`];
    const inside = typeof v === 'object' && v !== null ? codeOf(v) : '{}';
    return inside === '{}' ? [] : [`${JSON.stringify(key)}: ${inside}`];
  });
  return `{${parts.join(', ')}}`;
}

/** Bytes of GB 18030, by the decoder's own table: Chinese takes two bytes there and three in UTF-8. Undefined: not in two. */
let pairs;
function chinese(text) {
  if (!pairs) {
    pairs = new Map();
    const decoder = new TextDecoder('gb18030');
    for (let a = 0x81; a < 0xff; a++) {
      for (let b = 0x40; b < 0xff; b++) {
        const c = decoder.decode(Uint8Array.of(a, b));
        if (b !== 0x7f && c.length === 1 && c !== '\ufffd' && !pairs.has(c)) pairs.set(c, [a, b]);
      }
    }
  }
  const bytes = [];
  for (const c of text) {
    if (c < '\x80') bytes.push(c.charCodeAt(0));
    else if (pairs.has(c)) bytes.push(...pairs.get(c));
    else return undefined;
  }
  return Buffer.from(bytes);
}

/** An element of the page that holds the text, in whichever encoding is the shorter. */
async function textElement(id, text) {
  const plain = await pack(Buffer.from(text));
  const pairs = chinese(text);
  const shorter = pairs ? await pack(pairs) : plain;
  return shorter.length < plain.length ? element(id, shorter, 'gb18030') : element(id, plain, 'utf-8');
}

/** Elements with the texts, and a plugin for esbuild that puts what is left in the place of each language's file. */
export async function packTexts(here) {
  const folder = await mkdtemp(join(tmpdir(), 'tcplens-texts-'));
  try {
    const out = join(folder, 'index.mjs');
    await build({ entryPoints: [join(here, 'src/i18n/index.ts')], bundle: true, format: 'esm', platform: 'node', outfile: out, logLevel: 'warning' });
    const { dictionaries } = await import(pathToFileURL(out).href);
    const names = Object.values(dictionaries).reduce(namesOf, {});
    const elements = await Promise.all([textElement('texts', JSON.stringify(names)),
      ...Object.entries(dictionaries).map(([lang, d]) => textElement(`texts-${lang}`, stringsOf(names, d).join('\0')))]);
    const plugin = {
      name: 'texts',
      setup(b) {
        b.onLoad({ filter: /src[/\\]i18n[/\\][a-z]+\.ts$/ }, ({ path }) => {
          const lang = /([a-z]+)\.ts$/.exec(path)[1];
          const d = dictionaries[lang];
          return d && { contents: `import { later } from './packed';\nexport const ${lang} = later(${JSON.stringify(lang)}, ${codeOf(d)});`, loader: 'js' };
        });
      },
    };
    return { elements: elements.join('\n'), plugin };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
