// The second trace: a ladder of its own beside the first, at the same moment.

import {
  alignment, chosenBeside, closeBeside, connBeside, ladderBeside, offset, offsets, openBeside, openedBeside, pointBeside, rowBeside,
  second, secondTrace, wish,
} from '../state/beside';
import { conn, d, hiding, touched, trace, view } from '../state/app';
import { moveToTime } from '../state/cursor';
import { given, shownFile } from '../state/open';
import { ALIGNMENTS, type Alignment } from '../trace/orders';
import { address, clock, show, span } from '../text';
import { Lifelines, type Side } from './ladder';
import { refusalText } from './notices';
import { Icon } from './parts';

const NONE: ReadonlyMap<number, unknown> = new Map();
/** As many connections as a list that is opened can be read through. */
const MOST = 500;

/** Files that were given together are at hand; any other is looked for. */
export function BesideButton() {
  const words = d.value.beside;
  // Where only one connection is looked at there is a place beside it.
  const go = (file: File) => {
    touched.value = true;
    view.value = 'sequence';
    void openBeside(file);
  };
  const others = given.value.map((file, i) => ({ file, i })).filter(({ i }) => i !== shownFile.value);
  return (
    <>
      <input
        id="file-beside" type="file" class="sr" tabIndex={-1} aria-hidden="true"
        onChange={(e) => {
          const [file] = e.currentTarget.files ?? [];
          if (file) go(file);
          e.currentTarget.value = '';
        }}
      />
      {others.map(({ file, i }) => (
        <button key={i} class="beside-given" title={words.hint} onClick={() => go(file)}>{words.with(show(file.name, 24))}</button>
      )).slice(0, 1)}
      <button id="beside" title={words.hint} onClick={() => document.getElementById('file-beside')?.click()}>{words.open}</button>
    </>
  );
}

export function Beside() {
  const of = second.value;
  const t = secondTrace.value;
  const c = connBeside.value;
  const rows = ladderBeside.value;
  const now = rowBeside.value;
  if (!of) return null;
  const go = (n: number) => {
    const rec = t?.byN(n);
    if (rec) moveToTime(rec.t - offset.value);
  };
  const side: Side | undefined = t && c && rows && {
    id: 'beside', title: show(of.name, 60), trace: t, conn: c, rows, now, at: now?.rec ?? pointBeside.value,
    last: hiding.value ? now?.index ?? -1 : Infinity, marked: NONE, hot: undefined,
    hover() {}, move: (rec) => go(rec.n), go, unfold: (n) => { openedBeside.value = new Set(openedBeside.value).add(n); },
    // On the first's clock: what happens at one time has one time.
    told: (at) => `${at < offset.value ? '−' : ''}${clock(Math.abs(at - offset.value))}`,
  };
  const head = <Head />;
  if (side) return <Lifelines side={side} head={head} />;
  return (
    <section class="panel ladder of-beside" aria-label={show(of.name, 60)}>
      {head}
      <p class="hollow" role={of.is === 'failed' ? 'alert' : 'status'}>{of.is === 'failed' ? refusalText(of.why) : of.is === 'reading' ? d.value.ui.loading : d.value.ui.noConnections}</p>
    </section>
  );
}

function Head() {
  const words = d.value.beside;
  const t = secondTrace.value;
  const c = connBeside.value;
  const by = alignment.value;
  const can = offsets.value;
  return (
    <div class="beside-head">
      <b class="file" title={second.value!.name}>{show(second.value!.name, 60)}</b>
      {t && c && (
        <select id="beside-conn" aria-label={words.conn} title={words.conn} value={String(c.id)} onChange={(e) => { chosenBeside.value = Number(e.currentTarget.value); }}>
          {t.conns.slice(0, MOST).map((o) => <option key={o.id} value={String(o.id)}>#{o.id} {address(o.rec.client)} → {address(o.rec.server)}</option>)}
        </select>
      )}
      {t && conn.value && trace.value && (
        <select id="beside-by" aria-label={words.align} title={words.align} value={by} onChange={(e) => { wish.value = e.currentTarget.value as Alignment; }}>
          {ALIGNMENTS.map((a) => <option key={a} value={a} disabled={can[a] === undefined}>{words.by[a]}</option>)}
        </select>
      )}
      {t && <span class="muted" id="beside-offset">{words.apart(`${offset.value < 0 ? '−' : '+'}${span(Math.abs(offset.value))}`)}</span>}
      <span class="grow" />
      <button class="square" id="beside-close" aria-label={d.value.ui.close} onClick={closeBeside}><Icon name="close" /></button>
    </div>
  );
}
