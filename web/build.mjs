// Bundles the viewer into one HTML file that needs nothing else: node build.mjs, result in
// dist/viewer.html or where OUT says. ENGINE_WASM names the module that reads captures; the page without it
// is viewer-small.html, beside.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { BOTH, SMALL } from './budgets.mjs';
import { noticesFor, packagesOf } from './notices.mjs';
import { packTexts } from './texts.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.env.OUT ?? join(here, 'dist/viewer.html'));

const texts = await packTexts(here);

const result = await build({
  absWorkingDir: here,
  entryPoints: { main: 'src/main.tsx', theme: 'src/theme.css' },
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  outdir: 'out',
  format: 'iife',
  target: ['chrome110', 'firefox115'],
  charset: 'utf8',
  legalComments: 'none',
  // Calls of h(type, props, ...children) are shorter than the automatic runtime's jsx(type, { children }).
  jsx: 'transform',
  jsxFactory: 'jsxNode',
  jsxFragment: 'JsxFragment',
  inject: ['src/jsx.ts'],
  // Else the jsx settings of tsconfig.json, which are for the type check, would win.
  tsconfigRaw: { compilerOptions: { target: 'ES2022', useDefineForClassFields: true } },
  plugins: [texts.plugin],
  define: { 'process.env.NODE_ENV': '"production"' },
});
const file = (name) => result.outputFiles.find((f) => f.path.endsWith(name)).text.trim();
const js = file('main.js');
const css = file('theme.css');
// Inside of an element nothing may look like its end tag.
if (/<\/script|<!--/i.test(js) || /<\/style/i.test(css)) throw new Error('bundle would end its own element');

const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const csp = (engine) => [
  "default-src 'none'", `script-src ${hash(js)}${engine ? " 'wasm-unsafe-eval'" : ''}`, `style-src ${hash(css)}`, "connect-src 'self'",
  'img-src data:', "base-uri 'none'", "form-action 'none'",
  "require-trusted-types-for 'script'", 'trusted-types tcplens', 'worker-src blob:',
].join('; ');

const page = await readFile(join(here, 'src/page.html'), 'utf8');
const notices = await noticesFor(packagesOf(result.metafile.inputs), here);
// What `tcplens trace --netns new --calls -- tcplens-echo demo` wrote.
const sample = gzipSync(await readFile(join(here, 'src/sample.ndjson')), { level: 9 }).toString('base64');
// Packed as it is, it costs a page that shows a trace nothing but its bytes.
const engine = process.env.ENGINE_WASM ? gzipSync(await readFile(process.env.ENGINE_WASM), { level: 9 }).toString('base64') : '';
// A function, because text like $& means something in a replacement string.
const htmlOf = (engine) => page.replace('@sample@', () => sample).replace('@engine@', () => engine).replace('@texts@', () => texts.elements)
  .replace('@notices@', () => notices).replace('@csp@', () => csp(engine)).replace('@css@', () => css).replace('@js@', () => js);

// A budget, not a limit: who loads the page over a slow line should not wait, but a build that works is a build.
async function write(path, html, budget) {
  const size = { plain: Buffer.byteLength(html), gzip: gzipSync(html, { level: 9 }).length };
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, html);
  console.log(`${path}: ${size.plain} bytes, ${size.gzip} gzipped`);
  for (const key of ['plain', 'gzip']) {
    if (size[key] > budget[key]) console.warn(`${basename(path)} is over its budget: ${size[key]} bytes ${key} of ${budget[key]}`);
  }
}
await write(out, htmlOf(engine), engine ? BOTH : SMALL);
await write(join(dirname(out), 'viewer-small.html'), htmlOf(''), SMALL);
