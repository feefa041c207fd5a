// The texts of the built page are apart from its code: packed, in elements of their own. The build takes the strings out of each
// language's file and leaves what computes (web/texts.mjs); here they come together again before anything is drawn.

import { unpack } from '../unpack';

type Tree = { [key: string]: unknown };
const waiting = new Map<string, Tree>();

/** A language without its strings. */
export function later<T>(lang: string, tree: Tree): T {
  waiting.set(lang, tree);
  return tree as T;
}

/** Names of what is in the tree, in its order; strings of a language come in the same. */
type Names = { [key: string]: Names | 0 };

function put(into: Tree, names: Names, next: () => string): void {
  for (const [key, inside] of Object.entries(names)) {
    if (inside === 0) {
      const text = next();
      // Not every language says everything.
      if (text !== '') into[key] = text;
      continue;
    }
    const there = (into[key] ??= {}) as Tree;
    put(there, inside, next);
    const keys = Object.keys(there);
    if (keys.length === 0) delete into[key];
    else if (keys.every((k, i) => k === String(i))) into[key] = Object.values(there);
  }
}

/** Where the strings are no elements of the page there is nothing to be done: they are in the code. */
export async function loadTexts(): Promise<void> {
  const of = (id: string) => document.getElementById(id);
  const names = of('texts');
  if (!names) return;
  const tree = JSON.parse(await unpack(names)) as Names;
  for (const [lang, into] of waiting) {
    const all = (await unpack(of(`texts-${lang}`)!)).split('\0');
    let i = 0;
    put(into, tree, () => all[i++] ?? '');
  }
}
