// Bundles the tests (Node runs no TypeScript of its own) and runs them with node:test.
//   node test/run.mjs unit|engine|browser|FILE   node test/run.mjs make-trace [OPTIONS] > FILE

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../build');
const what = process.argv[2];

const tests = readdirSync(here).filter((f) => f.endsWith('.test.ts'));
const browser = tests.filter((f) => f.startsWith('browser') && (!process.env.ONLY || f.includes(process.env.ONLY)));
const engine = tests.filter((f) => f.startsWith('engine'));
const chosen = what === 'make-trace' ? ['make-trace.ts']
  : what === 'browser' ? browser
    : what === 'engine' ? engine
      : what === 'unit' ? tests.filter((f) => !browser.includes(f) && !engine.includes(f)) : tests.filter((f) => f === what);
if (chosen.length === 0) {
  console.error('usage: node test/run.mjs unit|engine|browser|FILE|make-trace');
  process.exit(2);
}
mkdirSync(out, { recursive: true });
await build({
  entryPoints: chosen.map((f) => join(here, f)),
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node18',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  external: ['playwright-core', 'axe-core', 'typescript', 'esbuild', '@gfx/zopfli'],
  logLevel: 'warning',
});
const files = chosen.map((f) => join(out, f.replace(/\.ts$/, '.mjs')));
// One browser at a time: two would wait for each other on a small machine.
const args = what === 'make-trace' ? [...files, ...process.argv.slice(3)] : ['--test', '--test-concurrency=1', ...files];
// A run that hangs is a failure.
const run = spawnSync(process.execPath, args, { stdio: 'inherit', timeout: 600_000 });
process.exit(run.status ?? 1);
