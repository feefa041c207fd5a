import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noticesFor, packagesOf } from '../notices.mjs';

test('packages are found by the files of a bundle', () => {
  assert.deepEqual(packagesOf({ 'src/main.tsx': {}, 'node_modules/preact/dist/preact.mjs': {}, '../x/node_modules/@preact/signals/a.mjs': {}, 'node_modules/preact/b.mjs': {} }),
    ['@preact/signals', 'preact']);
});

test('a package whose notice LICENSE does not hold cannot be bundled', async () => {
  assert.match(await noticesFor(['preact', '@preact/signals-core'], process.cwd()), /Jason Miller[^]*Permission is hereby granted/);
  await assert.rejects(noticesFor(['axe-core'], process.cwd()), /LICENSE does not hold the notice of axe-core/);
});
