// The built page has the functions of a language without the file they are from.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import ts from 'typescript';
import { dictionaries } from '../src/i18n';
import { codeOf } from '../texts.mjs';

const UNKNOWN_NAME = new Set([2304, 2552, 2503, 18004]);

/** Names in a script that nothing gives it. */
function unknownNames(code: string): string[] {
  const options: ts.CompilerOptions = { allowJs: true, checkJs: true, noEmit: true, strict: false, types: [], target: ts.ScriptTarget.ES2022, lib: ['lib.es2023.d.ts'] };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) => (name === 'language.js' ? ts.createSourceFile(name, code, ts.ScriptTarget.ES2022) : read(name, ...rest));
  const program = ts.createProgram(['language.js'], options, host);
  return program.getSemanticDiagnostics(program.getSourceFile('language.js')).filter((m) => UNKNOWN_NAME.has(m.code))
    .map((m) => ts.flattenDiagnosticMessageText(m.messageText, ' '));
}

test('what a language computes needs nothing beside itself', () => {
  assert.deepEqual(unknownNames(`const d = ${codeOf({ a: new Function('m', 'return missing(m)') })};`), ["Cannot find name 'missing'."]);
  for (const [lang, d] of Object.entries(dictionaries)) assert.deepEqual(unknownNames(`const d = ${codeOf(d)};`), [], lang);
});
