// What a check of a lab expected, in words: the program tells it as a lab's file does, `state conn=b end=server to=ESTABLISHED`
// (src/lab/check.c, src/lab/match.c).

import { known, type Dictionary } from '../i18n';
import { RECORD_KINDS } from '../trace/words';
import { show, span } from '../text';
import { nameOf } from './kind';

const VALUE = String.raw`(?:\{[^}]*\}|\[[^\]]*\]|[^\s,;]+)`;
const PATTERN = new RegExp(String.raw`\b(${RECORD_KINDS.join('|')})((?: [a-z_]+(?:\.[a-z_]+)*=${VALUE})+)`, 'g');
const CONDITION = new RegExp(String.raw` ([a-z_.]+)=(${VALUE})`, 'g');

function valueText(d: Dictionary, field: string, text: string): string {
  const words = d.lab.expected;
  const figure = (v: unknown) => (field.endsWith('_ns') && typeof v === 'number' ? span(v) : String(v));
  if (!/^[[{]/.test(text)) return text.split('|').join(words.or);
  try {
    const value = JSON.parse(text) as unknown[] | { ge?: unknown; le?: unknown };
    if (Array.isArray(value)) return value.join(',');
    return words.all([...(value.ge === undefined ? [] : [words.atLeast(figure(value.ge))]), ...(value.le === undefined ? [] : [words.atMost(figure(value.le))])]);
  } catch {
    return text;
  }
}

function patternText(d: Dictionary, kind: string, conditions: string): string {
  const fields = { ...d.why.fields, ...d.lab.expected.fields } as Record<string, string>;
  const all = [...conditions.matchAll(CONDITION)].map(([, field, value]) => `${known(fields, field) ?? field!.replaceAll('_', ' ')} ${valueText(d, field!, value!)}`);
  return d.lab.expected.like(nameOf(d, kind), d.lab.expected.all(all));
}

/** A text of another version that is not written so stays as it is. */
export function expectText(d: Dictionary, expected: string): string {
  const text = show(expected, 600);
  let at = 0;
  let out = '';
  for (const m of text.matchAll(PATTERN)) {
    out += d.lab.expected.joined(text.slice(at, m.index)) + patternText(d, m[1]!, m[2]!);
    at = m.index + m[0].length;
  }
  return out + d.lab.expected.joined(text.slice(at));
}
