// Pictures of the ladder and of the state machine, for slides: SVG that needs nothing of the page, and PNG of it.

import { render } from 'preact';
import { conn, currentRow, d, hiding, ladder, loadedName, told, trace } from './state/app';
import { kindOf, shortOf } from './kinds';
import type { RowScene } from './kinds/kind';
import { groupOf } from './trace/describe';
import { spansOf } from './trace/lanes';
import { around, primary } from './trace/model';
import { ENDS, type Rec } from './trace/records';
import { HEAD, LANE, LANE_WIDTH, RAIL, ROWS, WIDTH } from './drawing';
import { address } from './text';

export type Picture = 'ladder' | 'machine';

const SVG = 'http://www.w3.org/2000/svg';
const NEEDED = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'font', 'letter-spacing', 'text-anchor', 'paint-order', 'opacity', 'color', 'transform'] as const;

/** A drawing of the page with the page's style written into it. */
function machine(): SVGSVGElement | undefined {
  const from = document.querySelector<SVGSVGElement>('.machine > svg');
  if (!from) return undefined;
  const to = from.cloneNode(true) as SVGSVGElement;
  const copies = [to, ...to.querySelectorAll('*')] as SVGElement[];
  [from, ...from.querySelectorAll('*')].forEach((e, i) => {
    const css = getComputedStyle(e);
    for (const name of NEEDED) {
      const v = css.getPropertyValue(name);
      if (v !== '' && v !== 'none' || name === 'fill') copies[i]!.style.setProperty(name, v);
    }
  });
  const [, , w, h] = (from.getAttribute('viewBox') ?? '0 0 460 440').split(' ');
  return framed(to, Number(w) * 2, Number(h) * 2, from.getAttribute('viewBox')!);
}

function framed(svg: SVGSVGElement, width: number, height: number, box: string): SVGSVGElement {
  svg.setAttribute('xmlns', SVG);
  svg.setAttribute('width', String(width));
  svg.setAttribute('height', String(height));
  svg.setAttribute('viewBox', box);
  const back = document.createElementNS(SVG, 'rect');
  back.setAttribute('x', box.split(' ')[0]!);
  back.setAttribute('width', '100%');
  back.setAttribute('height', '100%');
  back.setAttribute('fill', ink('--panel'));
  svg.prepend(back);
  return svg;
}

const ink = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

type Attributes = Record<string, string | number>;
function put(into: SVGElement, tag: string, attributes: Attributes, text?: string): SVGElement {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, String(v));
  if (text !== undefined) e.textContent = text;
  into.append(e);
  return e;
}


/** The words of a row, as they stand on the page. */
function sayOf(scene: RowScene, rec: Rec): string {
  if (rec.record === 'state') return `${scene.d.label[rec.end]}${scene.d.colon}${rec.from} → ${rec.to}`;
  const row = document.createElement('div');
  render(kindOf(rec).row(scene, rec), row);
  const words: string[] = [];
  // What only a screen reader is told the arrow shows.
  for (const e of row.querySelectorAll('.sr')) e.remove();
  const walk = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) words.push(walk.currentNode.textContent!);
  return words.join(' ').replace(/\s+/g, ' ').trim();
}

/** Characters that there is room for between the rails, at 14 px. */
const ROOM = 68;

/** In lines, between words, as many as the row is high enough for. */
function linesOf(text: string, most: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > room(rest) && lines.length < most - 1) {
    const at = rest.lastIndexOf(' ', room(rest));
    const end = at > room(rest) / 2 ? at : room(rest);
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest.length > room(rest) ? `${rest.slice(0, room(rest) - 1)}…` : rest];
}

/** A Chinese character is as wide as two others. */
const room = (text: string): number => (/[⺀-鿿]/.test(text) ? ROOM * 0.55 : ROOM) | 0;

/** The whole ladder, evenly spaced; up to the cursor where the rest is hidden. */
function sequence(): SVGSVGElement | undefined {
  const rows = ladder.value;
  const c = conn.value;
  if (!rows || !c) return undefined;
  const last = hiding.value ? currentRow.value?.index ?? 0 : rows.events.length - 1;
  const events = rows.events.slice(0, Math.min(last + 1, ROWS));
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('font-family', 'system-ui, sans-serif');
  svg.setAttribute('font-size', '14');
  const text = ink('--text');
  const soft = ink('--soft');
  const line = { stroke: text, 'stroke-width': 1.5 };
  const scene = { d: d.value, around: around(trace.value!, c), go() {}, short: shortOf, selected: false };
  let y = HEAD;
  const at = new Map<number, number>();
  for (const e of events) {
    at.set(e.index, y);
    y += kindOf(e.rec).height;
  }
  // Lanes first: all else stands upon them.
  for (const end of ENDS) {
    for (const s of spansOf(rows, c, end, primary(c, end))) {
      const from = s.n === undefined ? 0 : rows.rowOf.get(s.n)?.index ?? 0;
      const next = c.paths[end][primary(c, end)].find((p) => (rows.rowOf.get(p.n)?.index ?? -1) > from);
      const top = s.n === undefined ? HEAD : (at.get(from) ?? y) + 15;
      const bottom = Math.min(y, next ? (at.get(rows.rowOf.get(next.n)!.index) ?? y) + 15 : y);
      if (bottom <= top) continue;
      put(svg, 'rect', { x: LANE[end], y: top, width: LANE_WIDTH, height: bottom - top, fill: ink(`--${groupOf(s.state)}`), 'fill-opacity': 0.22, stroke: ink(`--${groupOf(s.state)}`) });
      if (bottom - top > 16) put(svg, 'text', { x: LANE[end] + LANE_WIDTH / 2, y: top + 15, 'text-anchor': 'middle', fill: text, 'font-weight': 600, 'font-size': 12 }, s.state);
    }
    put(svg, 'line', { x1: RAIL[end], x2: RAIL[end], y1: HEAD, y2: y, stroke: soft, 'stroke-width': 3 });
    put(svg, 'text', { x: RAIL[end], y: 24, 'text-anchor': 'middle', fill: text, 'font-weight': 700, 'font-size': 16 }, d.value.label[end]);
    put(svg, 'text', { x: RAIL[end], y: 46, 'text-anchor': 'middle', fill: soft }, address(c.rec[end]));
  }
  events.forEach((e, i) => {
    const top = at.get(e.index)!;
    const { rec } = e;
    put(svg, 'text', { x: 120, y: top + 22, 'text-anchor': 'end', fill: soft, 'font-family': 'monospace', 'font-size': 12 }, told(rec.t, events[i - 1]?.rec.t));
    if (rec.record === 'segment') {
      const color = rec.flags.includes('RST') || rec.notes?.includes('retransmission') ? ink('--bad') : text;
      const [x1, x2, by] = rec.from === 'client' ? [RAIL.client + 2, RAIL.server - 2, -1] : [RAIL.server - 2, RAIL.client + 2, 1];
      put(svg, 'line', { x1, y1: top + 22, x2, y2: top + 32, ...line, stroke: color });
      put(svg, 'path', { d: `M${x2} ${top + 32}l${by * 10} -6l0 10z`, fill: color });
      put(svg, 'text', { x: 500, y: top + 17, 'text-anchor': 'middle', fill: color }, linesOf(sayOf({ ...scene, end: e.end }, rec), 1)[0]);
    } else {
      const end = 'end' in rec ? rec.end : undefined;
      const anchor = end === 'client' ? 'start' : end === 'server' ? 'end' : 'middle';
      const x = end === 'client' ? RAIL.client + 14 : end === 'server' ? RAIL.server - 14 : 500;
      const { height } = kindOf(rec);
      const lines = linesOf(sayOf({ ...scene, end: e.end }, rec), Math.max(1, Math.floor(height / 18)));
      lines.forEach((line, k) => put(svg, 'text', { x, y: top + height / 2 + 6 + (k - (lines.length - 1) / 2) * 17, 'text-anchor': anchor, fill: rec.record === 'state' ? text : soft, 'font-weight': rec.record === 'state' ? 600 : 400 }, line));
    }
  });
  return framed(svg, WIDTH, y + 20, `0 0 ${WIDTH} ${y + 20}`);
}

const drawing = (what: Picture): SVGSVGElement | undefined => (what === 'machine' ? machine() : sequence());
const source = (svg: SVGSVGElement): string => new XMLSerializer().serializeToString(svg);

function save(href: string, what: Picture, ending: string): void {
  const a = document.createElement('a');
  a.href = href;
  a.download = `${(loadedName.value ?? 'trace').replace(/\.(gz|ndjson|html).*$/, '').replace(/[^\w.-]+/g, '-')}-${what}.${ending}`;
  a.click();
}

export function saveSvg(what: Picture): void {
  const svg = drawing(what);
  if (!svg) return;
  const url = URL.createObjectURL(new Blob([source(svg)], { type: 'image/svg+xml' }));
  save(url, what, 'svg');
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** No side of a picture may be longer: browsers draw none then. */
const SIDE = 16_000;

export async function savePng(what: Picture): Promise<void> {
  const svg = drawing(what);
  if (!svg) return;
  const width = Number(svg.getAttribute('width'));
  const height = Number(svg.getAttribute('height'));
  const scale = Math.min(2, SIDE / height);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source(svg))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = width * scale;
  canvas.height = height * scale;
  const g = canvas.getContext('2d');
  g?.drawImage(image, 0, 0, canvas.width, canvas.height);
  save(canvas.toDataURL('image/png'), what, 'png');
}
