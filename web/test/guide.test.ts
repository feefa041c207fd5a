import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { blocks, pieces, readGuide } from '../src/lab/guide';

const GUIDE = `# A title

What it is about,
in two lines.

## who
Who closes?
- first: Who closed first.
  TIME-WAIT is there,
  so that late segments find it.
- the-other: The other: nobody else.

## check
What is looked at.
- not: a choice, where it stands in a check: and yet read as one

## after
The end.
`;

test('title, introduction and sections', () => {
  const guide = readGuide(GUIDE);
  assert.equal(guide.title, 'A title');
  assert.equal(guide.intro.trim(), 'What it is about,\nin two lines.');
  assert.deepEqual([...guide.sections.keys()], ['who', 'check', 'after']);
  assert.equal(guide.sections.get('who')!.text.trim(), 'Who closes?');
  assert.equal(guide.sections.get('after')!.text.trim(), 'The end.');
});

test('choices, each with what is said to who took it', () => {
  const { choices } = readGuide(GUIDE).sections.get('who')!;
  assert.deepEqual([...choices.keys()], ['first', 'the-other']);
  assert.equal(choices.get('first')!.text, 'Who closed first.');
  assert.equal(choices.get('first')!.feedback.trim(), 'TIME-WAIT is there,\nso that late segments find it.');
  assert.equal(choices.get('the-other')!.text, 'The other: nobody else.', 'only the first colon ends the name');
  assert.equal(choices.get('the-other')!.feedback.trim(), '');
});

test('a new section ends the choices of the one before', () => {
  const guide = readGuide(GUIDE);
  assert.equal(guide.sections.get('check')!.text.trim(), 'What is looked at.');
  assert.equal(guide.sections.get('after')!.choices.size, 0);
});

test('a list above the first section is text', () => {
  const guide = readGuide('# T\n\n- a: b\n\n## s\nx\n');
  assert.equal(guide.intro.trim(), '- a: b');
});

test('a second title, and lines that end in \\r', () => {
  const guide = readGuide('# T\r\n\r\nx\r\n# not\r\n## s\r\ny\r\n');
  assert.equal(guide.title, 'T');
  assert.equal(guide.intro.trim(), 'x\n# not');
  assert.equal(guide.sections.get('s')!.text.trim(), 'y');
});

test('nothing is a guide without anything', () => {
  assert.deepEqual(readGuide(''), { title: '', intro: '\n', sections: new Map() });
});

test('what Markdown marks within a line; the rest is text, HTML too', () => {
  assert.deepEqual(pieces('a `b *c*` **d** *e* 2*3*4 <b>'), [
    { kind: 'text', text: 'a ' }, { kind: 'code', text: 'b *c*' }, { kind: 'text', text: ' ' }, { kind: 'strong', text: 'd' },
    { kind: 'text', text: ' ' }, { kind: 'em', text: 'e' }, { kind: 'text', text: ' 2' }, { kind: 'em', text: '3' },
    { kind: 'text', text: '4 <b>' }]);
  assert.deepEqual(pieces('`open'), [{ kind: 'text', text: '`open' }]);
  assert.deepEqual(pieces(''), []);
});

test('paragraphs, lists and what is indented', () => {
  assert.deepEqual(blocks('a\nb\n\n- c\n  d\n- e\n\n    f\n      g\n'), [
    { kind: 'p', lines: ['a b'] }, { kind: 'ul', lines: ['c d', 'e'] }, { kind: 'pre', lines: ['f\n  g'] }]);
  assert.deepEqual(blocks('\n \n'), []);
});

test('a line break between Chinese characters is no space', () => {
  assert.deepEqual(blocks('一个客户端，\n一个服务器'), [{ kind: 'p', lines: ['一个客户端，一个服务器'] }]);
  assert.deepEqual(blocks('调用\nread()'), [{ kind: 'p', lines: ['调用read()'] }]);
  assert.deepEqual(blocks('a\nb'), [{ kind: 'p', lines: ['a b'] }]);
});

// As the program does: what it refuses, or reads another way, would be asked on the page and nowhere else.
const LABS = join(dirname(fileURLToPath(import.meta.url)), '../../docs/labs');
for (const lab of readdirSync(LABS, { withFileTypes: true }).filter((e) => e.isDirectory()).map((e) => e.name)) {
  test(`the guides of ${lab} have the same sections and choices`, () => {
    const [en, zh] = ['en', 'zh'].map((l) => readGuide(readFileSync(join(LABS, lab, `guide.${l}.md`), 'utf8')));
    const outline = (g: typeof en) => [...g!.sections].map(([name, s]) => [name, [...s.choices.keys()]]);
    assert.deepEqual(outline(en), outline(zh));
    for (const guide of [en!, zh!]) {
      assert.ok(guide.title && guide.intro.trim());
      for (const [name, s] of guide.sections) {
        assert.ok(s.text.trim(), name);
        for (const [choice, c] of s.choices) assert.ok(c.text && c.feedback.trim(), `${name}: ${choice}`);
      }
    }
  });
}
