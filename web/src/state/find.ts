// Finding an event by what its record says, from the cursor on and round again.

import { cursor, trace } from './app';
import { moveToRecord } from './cursor';

/** Looks at every record's words: names of fields are none of them. */
const saysOf = (rec: unknown): string => (typeof rec === 'object' && rec !== null ? Object.values(rec).map(saysOf).join(' ') : String(rec));

/** Kinds, flags, notes, calls, errors, states, names and numbers; `#12` is the record of that number. False: there is none. */
export function findEvent(text: string, by: 1 | -1): boolean {
  const t = trace.value;
  const words = text.toLowerCase().split(/\s+/).filter((w) => w !== '');
  if (!t || words.length === 0) return false;
  const number = /^#(\d+)$/.exec(text.trim());
  if (number) {
    const there = t.byN(Number(number[1])) !== undefined;
    if (there) moveToRecord(Number(number[1]));
    return there;
  }
  const { records } = t;
  // What a template says is said once for all of its records; what is in their holes has to be looked at.
  const fixed = new Map<number, string>();
  const saysFixed = (i: number) => {
    const kind = records.kind(i);
    let says = fixed.get(kind);
    if (says === undefined) fixed.set(kind, (says = kind === 0 ? '' : saysOf(records.like(i)).toLowerCase()));
    return says;
  };
  // A number may stand in any hole; other words only if one of the strings has them.
  const inHoles = new Map(words.map((w) => [w, /^[\d.]+$/.test(w) || records.strings.some((s) => s.toLowerCase().includes(w))]));
  const matches = (i: number) => {
    const says = saysFixed(i);
    return words.every((w) => says.includes(w) || (inHoles.get(w) && saysOf(records.get(i)).toLowerCase().includes(w)));
  };
  const n = records.length;
  const at = records.find(cursor.value.n);
  const here = at < 0 ? (by > 0 ? records.first - 1 : records.end) : at;
  for (let k = 1; k <= n; k++) {
    const i = records.first + ((((here - records.first + by * k) % n) + n) % n);
    const { record } = records.like(i);
    if (record === 'header' || record === 'end' || !matches(i)) continue;
    moveToRecord(records.number(i));
    return true;
  }
  return false;
}
