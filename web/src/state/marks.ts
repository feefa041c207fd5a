// Marks: records that a reader of the trace wants to come back to, each with a note. They live as
// long as the page, and in the report that is saved.

import { computed, signal } from '@preact/signals';
import { trace } from './app';

export const NOTE_MAX = 4000;
const MARKS_MAX = 10_000;

/** Record number to note. */
export const marks = signal<ReadonlyMap<number, string>>(new Map());
/** What the last report holds; another map means that something would be lost. */
export const savedMarks = signal(marks.value);
export const unsaved = computed(() => marks.value !== savedMarks.value && marks.value.size > 0);

/** Who leaves the page with marks in no report is asked first. */
export function warnOfLoss(): void {
  addEventListener('beforeunload', (e) => { if (unsaved.value) e.preventDefault(); });
}

export function forgetMarks(): void {
  marks.value = savedMarks.value = new Map();
}

export function toggleMark(n: number): void {
  const next = new Map(marks.value);
  if (!next.delete(n) && next.size < MARKS_MAX) next.set(n, '');
  marks.value = next;
}

export function setNote(n: number, note: string): void {
  marks.value = new Map(marks.value).set(n, note.slice(0, NOTE_MAX));
}

/** Marks in order of the trace. */
export const markList = computed(() => [...marks.value].sort((a, b) => a[0] - b[0]));

/** `view`: how the page is looked at. */
export function packMarks(view: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version: 1, view, marks: markList.value.map(([n, note]) => ({ n, note })) }));
}

/** How the page was looked at when the report was saved. */
export function viewOf(bytes: Uint8Array): string {
  try {
    const { view } = JSON.parse(new TextDecoder().decode(bytes)) as { view?: unknown };
    return typeof view === 'string' ? view.slice(0, 2000) : '';
  } catch {
    return '';
  }
}

/** Takes what a report holds; whatever in it is no mark of this trace is left out. */
export function unpackMarks(bytes: Uint8Array): void {
  const next = new Map<number, string>();
  try {
    const saved = JSON.parse(new TextDecoder().decode(bytes)) as { version?: unknown; marks?: unknown };
    if (saved.version !== 1 || !Array.isArray(saved.marks)) return;
    for (const m of saved.marks.slice(0, MARKS_MAX) as { n?: unknown; note?: unknown }[]) {
      if (!Number.isSafeInteger(m?.n) || typeof m.note !== 'string' || !trace.value?.byN(m.n as number)) continue;
      next.set(m.n as number, m.note.slice(0, NOTE_MAX));
    }
  } catch {
    return;
  }
  marks.value = savedMarks.value = next;
}
