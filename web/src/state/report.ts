// A report is this very page with a trace inside. Here the page finds what it was given, and makes
// such a page of what it shows.

import { signal } from '@preact/signals';
import { giveEngine } from '../engine/state';
import { bringLab } from '../lab/state';
import { loadedName } from './app';
import { looked } from './hash';
import { marks, packMarks, savedMarks, unpackMarks, viewOf } from './marks';

/** Bytes of the trace that is open, as they came; a function where they are made anew, of a capture. Undefined: there is none, or
 * it is too long to be kept. */
export const original = signal<Blob | (() => Promise<Blob>) | undefined>(undefined);
export const saving = signal(false);
export const saveFailed = signal<string | undefined>(undefined);

const PLACES = ['<script type="text/plain" id="trace">', '<script type="text/plain" id="notes">'] as const;
const SLICE = 3 << 16;

let page = '';

function take(id: string): string {
  const el = document.getElementById(id);
  const text = el?.textContent ?? '';
  el?.replaceChildren();
  return text.trim();
}

/** To be called before anything else changes the document. */
/** Calls back with how the page was looked at when it was saved, before the trace is read. */
export function openEmbedded(open: (file: File) => Promise<void>, look: (saved: string) => void): void {
  const trace = take('trace');
  const notes = take('notes');
  // A report needs no engine: what it shows is in it.
  giveEngine(fromBase64(take('engine')));
  // What is saved of this page has the lab too.
  bringLab(fromBase64(document.getElementById('lab')?.textContent?.trim() ?? ''));
  page = `<!doctype html>\n${document.documentElement.outerHTML}`;
  look(viewOf(fromBase64(notes)));
  if (trace === '') return;
  const name = decodeURIComponent(location.pathname.replace(/^.*\//, '')) || 'report.html';
  // One that is damaged is told as a file that is damaged.
  void open(new File([fromBase64(trace)], name)).then(() => {
    if (loadedName.value === name) unpackMarks(fromBase64(notes));
  });
}

/** The trace that is built into every page. */
export function sampleFile(): File {
  return new File([fromBase64(document.getElementById('sample')?.textContent ?? '')], 'sample');
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.floor(text.length / 4) * 3);
  let len = 0;
  // In slices: a string of the whole in between would take twice the room.
  for (let at = 0; at < text.length; at += SLICE * 4) {
    let piece: string;
    try {
      piece = atob(text.slice(at, at + SLICE * 4));
    } catch {
      break;
    }
    for (let i = 0; i < piece.length; i++) out[len++] = piece.charCodeAt(i);
  }
  return out.subarray(0, len);
}

function toBase64(bytes: Uint8Array): string[] {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += SLICE) {
    let piece = '';
    // Not all at once: so many arguments would overflow the stack.
    for (let i = at; i < Math.min(at + SLICE, bytes.length); i += 8192) {
      piece += String.fromCharCode(...bytes.subarray(i, Math.min(i + 8192, at + SLICE)));
    }
    parts.push(btoa(piece));
  }
  return parts;
}

async function gzip(blob: Blob): Promise<Uint8Array> {
  const head = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const packed = head[0] === 0x1f && head[1] === 0x8b ? blob
    : await new Response(blob.stream().pipeThrough(new CompressionStream('gzip') as unknown as TransformStream<Uint8Array, Uint8Array>)).blob();
  return new Uint8Array(await packed.arrayBuffer());
}

/** The page with the trace and the marks inside. */
async function makeReport(trace: Blob): Promise<Blob> {
  const [t, n] = PLACES.map((p) => page.indexOf(p) + p.length) as [number, number];
  return new Blob([
    page.slice(0, t), ...toBase64(await gzip(trace)), page.slice(t, n), ...toBase64(packMarks(looked())), page.slice(n),
  ], { type: 'text/html' });
}

/** The name of what is open, to be part of a file's name. */
function baseName(): string {
  return (loadedName.value ?? 'trace').replace(/[^\w.-]+/g, '-').replace(/\.(gz|ndjson|jsonl|json|html)(?=\.|$)/g, '');
}

export function download(what: Blob, name: string): void {
  const url = URL.createObjectURL(what);
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  // The download reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export async function saveReport(): Promise<void> {
  const from = original.value;
  if (!from || saving.value) return;
  saving.value = true;
  saveFailed.value = undefined;
  const of = marks.value;
  try {
    download(await makeReport(from instanceof Blob ? from : await from()), `${baseName()}.html`);
    savedMarks.value = of;
  } catch (e) {
    saveFailed.value = e instanceof Error ? e.message : String(e);
  }
  saving.value = false;
}
