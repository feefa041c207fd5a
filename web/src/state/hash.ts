// The address keeps how the page is looked at (never what is looked at): language, theme,
// connection and time, so that a link or a reload shows the same.

import { effect } from '@preact/signals';
import { cursor, lang, playing, selected, theme, trace, type Theme } from './app';
import { moveToRecord } from './cursor';

let wanted: { c: number; n: number } | undefined;

export function readHash(): void {
  const p = new URLSearchParams(location.hash.slice(1));
  const l = p.get('lang') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en');
  lang.value = l === 'zh' ? 'zh' : 'en';
  const th = p.get('theme');
  theme.value = th === 'light' || th === 'dark' ? th : ('auto' satisfies Theme);
  const c = Number(p.get('c'));
  const n = Number(p.get('n'));
  if (Number.isSafeInteger(c) && Number.isSafeInteger(n) && c > 0) wanted = { c, n };
}

export function keepHash(): void {
  // Once: the place in the trace that the address named, when that trace is there.
  effect(() => {
    const t = trace.value;
    if (!t || !wanted) return;
    const { c, n } = wanted;
    const rec = t.byN(n);
    wanted = undefined;
    if (rec && 'conn' in rec && rec.conn === c) queueMicrotask(() => moveToRecord(n));
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const p = new URLSearchParams({ v: '1', lang: lang.value });
    if (theme.value !== 'auto') p.set('theme', theme.value);
    if (selected.value !== undefined && !playing.value) {
      p.set('c', String(selected.value));
      p.set('n', String(cursor.value.n));
    }
    // Browsers limit how often the address may change.
    clearTimeout(timer);
    timer = setTimeout(() => {
      try {
        history.replaceState(null, '', `${location.pathname}${location.search}#${p}`);
      } catch {
        // A page in a sandbox may not; nothing depends on it.
      }
    }, 150);
  });
}
