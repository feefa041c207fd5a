// Bundles the viewer into one HTML file that needs nothing else: node build.mjs, result in
// dist/viewer.html or where OUT says. ENGINE_WASM names the module that reads captures; the page without it
// is viewer-small.html, beside.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { noticesFor, packagesOf } from './notices.mjs';
import { element, pack } from './pack.mjs';
import { packTexts } from './texts.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.env.OUT ?? join(here, 'dist/viewer.html'));

const texts = await packTexts(here);

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  outdir: 'out',
  format: 'iife',
  target: ['chrome110', 'firefox115'],
  charset: 'utf8',
  legalComments: 'none',
  // Else the jsx settings of tsconfig.json, which are for the type check, would win.
  tsconfigRaw: { compilerOptions: { target: 'ES2022', useDefineForClassFields: true } },
};
const built = async (entry, more) => {
  const { outputFiles, metafile } = await build({ ...common, entryPoints: [entry], ...more });
  return { text: outputFiles[0].text.trim(), inputs: metafile.inputs };
};
const { text: start } = await built('src/start.ts');
const { text: css } = await built('src/theme.css');
const { text: code, inputs } = await built('src/main.tsx', {
  // Calls of h(type, props, ...children) are shorter than the automatic runtime's jsx(type, { children }).
  jsx: 'transform',
  jsxFactory: 'jsxNode',
  jsxFragment: 'JsxFragment',
  inject: ['src/jsx.ts'],
  plugins: [texts.plugin],
  define: { 'process.env.NODE_ENV': '"production"' },
});
// Inside of an element nothing may look like its end tag.
if (/<\/script|<!--/i.test(start) || /<\/style/i.test(css)) throw new Error('bundle would end its own element');

const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const csp = (engine) => [
  "default-src 'none'", `script-src ${hash(start)} ${hash(code)}${engine ? " 'wasm-unsafe-eval'" : ''}`, `style-src ${hash(css)}`, "connect-src 'self'",
  'img-src data:', "base-uri 'none'", "form-action 'none'",
  "require-trusted-types-for 'script'", 'trusted-types tcplens tcplens-start', 'worker-src blob:',
].join('; ');

const page = await readFile(join(here, 'src/page.html'), 'utf8');
const notices = await noticesFor(packagesOf(inputs), here);
// What `tcplens trace --netns new --calls -- tcplens-echo demo` wrote.
const sample = await pack(await readFile(join(here, 'src/sample.ndjson')));
// Packed as it is, it costs a page that shows a trace nothing but its bytes.
const engine = process.env.ENGINE_WASM ? await pack(await readFile(process.env.ENGINE_WASM)) : Buffer.alloc(0);
const packedCode = await pack(Buffer.from(code));
const packed = (engine) => [element('sample', sample), texts.elements, element('engine', engine), element('code', packedCode)].join('\n');
// A function, because text like $& means something in a replacement string.
const htmlOf = (engine) => page.replace('@packed@', () => packed(engine)).replace('@notices@', () => notices)
  .replace('@csp@', () => csp(engine.length > 0)).replace('@css@', () => css).replace('@start@', () => start);

async function write(path, html) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, html);
  console.log(`${path}: ${Buffer.byteLength(html)} bytes, ${gzipSync(html, { level: 9 }).length} gzipped`);
}
await write(out, htmlOf(engine));
await write(join(dirname(out), 'viewer-small.html'), htmlOf(Buffer.alloc(0)));
