// No circle of files: what two files share has a file of its own.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import ts from 'typescript';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

type Graph = Map<string, string[]>;

/** What each file imports, types included. */
function graphOf(files: Map<string, string>): Graph {
  const graph: Graph = new Map();
  for (const [file, text] of files) {
    const { importedFiles } = ts.preProcessFile(text, true, true);
    const own = importedFiles.map((i) => i.fileName).filter((name) => name.startsWith('.'));
    graph.set(file, own.map((name) => resolve(files, file, name)).filter((f) => f !== undefined));
  }
  return graph;
}

function resolve(files: Map<string, string>, from: string, name: string): string | undefined {
  const base = join(dirname(from), name);
  return ['', '.ts', '.tsx', '/index.ts'].map((end) => base + end).find((f) => files.has(f));
}

/** A way from a file back to it; undefined: there is none. */
function circleOf(graph: Graph): string[] | undefined {
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): string[] | undefined => {
    const at = way.indexOf(file);
    if (at >= 0) return [...way.slice(at), file];
    if (done.has(file)) return undefined;
    way.push(file);
    for (const next of graph.get(file) ?? []) {
      const found = visit(next);
      if (found) return found;
    }
    way.pop();
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const found = visit(file);
    if (found) return found;
  }
  return undefined;
}

test('the viewer has no circle of files', () => {
  assert.ok(existsSync(SRC));
  const files = new Map(readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) => /\.tsx?$/.test(f))
    .map((f) => [f, readFileSync(join(SRC, f), 'utf8')]));
  assert.ok(files.size > 50, `${files.size} files in ${relative(process.cwd(), SRC)}`);
  assert.equal(circleOf(graphOf(files))?.join(' → '), undefined);
});

test('a circle is found, of types alone too', () => {
  const files = new Map([
    ['a.ts', "import { b } from './b';"], ['b.ts', "import type { C } from './d/c';"], ['d/c.tsx', "export { a } from '../a';"],
    ['e.ts', "import './a';"],
  ]);
  assert.equal(circleOf(graphOf(files))?.join(' → '), 'a.ts → b.ts → d/c.tsx → a.ts');
  files.set('d/c.tsx', '');
  assert.equal(circleOf(graphOf(files)), undefined);
});
