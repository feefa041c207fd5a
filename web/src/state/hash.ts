// The address keeps how the page is looked at: language, theme, connection and time, so that a link or a reload shows the same.
// Never what is looked at: only a link that is copied to be passed on names the file that it wants.

import { effect, signal } from '@preact/signals';
import type { HeaderRec } from '../trace/records';
import { langOf } from '../i18n';
import {
  cursor, filterText, follow, followNewest, hiding, lang, loadedKind, loadedName, maximised, otherTrace, playing, revision, reversed, selected, sort, SORTS, theme,
  times, TIMES, touched, trace, view, zoom, type Sort, type Theme, type View,
} from './app';
import { moveToRecord } from './cursor';
import { packSizes, unpackSizes } from './sizes';

let wanted: { c: number; n: number; f: string | null; q: string; sort: Sort; reversed: boolean; zoom: number | undefined; view: View } | undefined;

/** The place that the address names and that is still to be gone to: in which file, or in the sample. */
export const awaited = signal<{ file: string; sample: boolean; as: URLSearchParams } | undefined>(undefined);
export const placed = (): boolean => awaited.value !== undefined;
/** Of the address: what belongs to a place. */
const PLACE = ['c', 'n', 'f', 'q', 'sort', 'reversed', 'view', 'zoom', 'file', 'sample'] as const;
const NAME_MAX = 120;

const MAXIMISED = ['ladder', 'machine', 'queues', 'why', 'graph'] as const;

/** Tells one trace from another, and nothing of what is in it: FNV-1a of its header. */
function fingerprint(header: HeaderRec): string {
  let h = 0x811c9dc5;
  for (const c of JSON.stringify(header)) h = Math.imul(h ^ c.codePointAt(0)!, 0x01000193) >>> 0;
  return h.toString(36);
}

/** `saved`: what a report was saved with, where the address itself says nothing. */
export function readHash(saved = ''): void {
  const p = new URLSearchParams(location.hash.length > 1 ? location.hash.slice(1) : saved);
  lang.value = langOf(p.get('lang') ?? navigator.language);
  const th = p.get('theme');
  theme.value = th === 'light' || th === 'dark' ? th : ('auto' satisfies Theme);
  times.value = TIMES.find((v) => v === p.get('times')) ?? 'start';
  hiding.value = p.get('hide') === '1';
  maximised.value = MAXIMISED.find((m) => m === p.get('max'));
  unpackSizes(p.get('size') ?? '');
  followNewest.value = p.get('follow') === 'newest';
  // A live page that followed goes on to follow.
  if (p.get('follow')) return;
  const c = Number(p.get('c'));
  const n = Number(p.get('n'));
  const z = Number(p.get('zoom'));
  if (Number.isSafeInteger(c) && Number.isSafeInteger(n) && c !== 0) {
    wanted = {
      c, n, f: p.get('f'), q: (p.get('q') ?? '').slice(0, 400), sort: SORTS.find((s) => s === p.get('sort')) ?? 'start',
      reversed: p.get('reversed') === '1', zoom: z > 0 && Number.isFinite(z) ? z : undefined, view: p.get('view') === 'answers' ? 'answers' : 'sequence',
    };
    awaited.value = { file: (p.get('file') ?? '').slice(0, NAME_MAX), sample: p.get('sample') === '1', as: p };
  }
}

export function keepHash(): void {
  // Once: the place in the trace that the address named, when that trace is there.
  effect(() => {
    const t = trace.value;
    if (!t || !wanted) return;
    const { c, n, f } = wanted;
    if (f !== null && t.header && f !== fingerprint(t.header)) {
      wanted = undefined;
      queueMicrotask(() => {
        otherTrace.value = awaited.value?.file ?? '';
        awaited.value = undefined;
      });
      return;
    }
    // A live trace, or a long one, may not have come so far.
    void revision.value;
    const rec = t.byN(n);
    if (!rec) return;
    const { q, sort: order, reversed: turned, zoom: z, view: shown } = wanted;
    wanted = undefined;
    queueMicrotask(() => {
      awaited.value = undefined;
      filterText.value = q;
      sort.value = order;
      reversed.value = turned;
      zoom.value = z;
      touched.value = true;
      view.value = shown;
    });
    // What names no connection is looked at in the ladder of one.
    if (t.conn(c) && (t.connOf(rec)?.id ?? c) === c) {
      queueMicrotask(() => {
        selected.value = c;
        moveToRecord(n);
      });
    }
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const text = looked();
    // Browsers limit how often the address may change.
    clearTimeout(timer);
    timer = setTimeout(() => {
      try {
        history.replaceState(null, '', `${location.pathname}${location.search}#${text}`);
      } catch {
        // A page in a sandbox may not; nothing depends on it.
      }
    }, 150);
  });
}

/** How the page is looked at now; `link`: for somebody else, who has to be told in which file. */
export function looked(link = false): string {
  const p = new URLSearchParams({ v: '1', lang: lang.value });
  if (theme.value !== 'auto') p.set('theme', theme.value);
  if (times.value !== 'start') p.set('times', times.value);
  if (hiding.value) p.set('hide', '1');
  if (maximised.value) p.set('max', maximised.value);
  if (packSizes()) p.set('size', packSizes());
  if (follow.value) p.set('follow', followNewest.value ? 'newest' : 'this');
  const { value: still } = awaited;
  if (still) {
    // The trace is not there yet: a reload goes on to ask for it.
    for (const name of PLACE) if (still.as.has(name)) p.set(name, still.as.get(name)!);
  } else if (selected.value !== undefined && !playing.value && !follow.value) {
    p.set('c', String(selected.value));
    p.set('n', String(cursor.value.n));
    if (trace.value?.header) p.set('f', fingerprint(trace.value.header));
    if (loadedKind.value === 'sample') p.set('sample', '1');
    if (link && loadedKind.value === 'file' && loadedName.value) p.set('file', loadedName.value.slice(0, NAME_MAX));
    if (filterText.value) p.set('q', filterText.value.slice(0, 400));
    if (sort.value !== 'start') p.set('sort', sort.value);
    if (reversed.value) p.set('reversed', '1');
    if (view.value !== 'sequence') p.set('view', view.value);
    if (zoom.value !== undefined) p.set('zoom', String(Math.round(zoom.value)));
  }
  return String(p);
}
