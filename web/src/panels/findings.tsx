// What is wrong in the whole trace: the worst first, each with who, what helps, and the connections that show it.

import { Fragment } from 'preact';
import { d, hiding, revision, trace } from '../state/app';
import { findingList } from '../state/findings';
import { showConn } from '../state/cursor';
import { known } from '../i18n';
import { findingText, whereOf } from '../kinds/finding-text';
import type { FindingRec, Rec } from '../trace/records';
import { SEVERITIES, STANDINGS, type Standing } from '../trace/words';
import { clock, count, show, span } from '../text';

/** Drawn at once. */
const MANY = 50;
/** Connections of a finding that are named: as many as the trace names. */
const NAMED = 8;

export function Findings() {
  void revision.value;
  // What became of all is told with what becomes of one.
  const all = hiding.value ? [] : findingList.value;
  const words = d.value.found;
  return (
    <section class="panel found" aria-labelledby="found-title">
      <h2 id="found-title">
        {words.title}
        <span>{SEVERITIES.map((s) => {
          const n = all.filter((f) => f.severity === s).length;
          return n > 0 && <Fragment key={s}> <small class={`sev ${s}`}>{words.counts[s](n)}</small></Fragment>;
        })}</span>
      </h2>
      {hiding.value ? <p class="hollow">{d.value.teach.hidden}</p> : all.length === 0 && <StandsOut />}
      {all.length > 0 && (
        <ul id="found-list" tabIndex={0} aria-labelledby="found-title">
          {all.slice(0, MANY).map((f) => <Finding key={f.n} rec={f} />)}
          {all.length > MANY && <li class="muted">{words.more(count(all.length - MANY))}</li>}
        </ul>
      )}
    </section>
  );
}

/** No finding is no proof that nothing is wrong: what is worth a look. */
function StandsOut() {
  const words = d.value.answers;
  const t = trace.value;
  const all = STANDINGS.flatMap((what) => (t?.standing.has(what) ? [[what, t.standing.get(what)!] as const] : []));
  return (
    <div class="stands-out">
      <p>{words.none(count(t?.endings ?? 0), t?.endings === 1, count(t?.badEndings ?? 0))}{all.length > 0 && ` ${words.standsOut}`}</p>
      {all.length > 0 && (
        <ul>
          {all.map(([what, s]) => (
            <li key={what} class="note">
              {words.stands(count(s.count), d.value.end[s.end].mid, words.standing[what], s.count > 1, span(s.ns))} <button class="small" onClick={() => showConn(s.conn, showing(what, s.conn))}>#{s.conn}</button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The records of a connection where the wait began. */
function showing(what: Standing, conn: number): number[] {
  const state = what === 'close-wait' ? 'CLOSE-WAIT' : what === 'opening' ? 'SYN-SENT' : undefined;
  const shows = (e: Rec) => (state ? e.record === 'state' && e.to === state : e.record === 'segment' && (what === 'zero-window' ? e.notes?.includes(what) : e.len > 0));
  return (trace.value?.conn(conn)?.events ?? []).filter(shows).map((e) => e.n);
}

function Finding({ rec }: { rec: FindingRec }) {
  const words = d.value;
  const told = findingText(words, rec, trace.value?.header?.sysctl);
  const there = (rec.conns ?? []).filter((id) => trace.value?.conn(id));
  const go = (id: number) => showConn(id, rec.because);
  const where = whereOf(rec);
  const cause = rec.cause === undefined ? undefined : known(words.causes, rec.cause) ?? show(rec.cause, 32);
  return (
    <li class={rec.severity}>
      <p class="found-head">
        <b class={`sev ${rec.severity}`}>{told.name}</b>
        {rec.count !== undefined && <span class="count">{words.found.times(count(rec.count))}</span>}
        {cause !== undefined && <span class="tag">{cause}</span>}
        {where !== undefined && <span class="muted">{where}</span>}
        <span class="grow" />
        {there[0] !== undefined && <button class="small primary best" onClick={() => go(there[0]!)}>{words.answers.best}</button>}
      </p>
      <p>{told.text}</p>
      {told.remedy.length > 0 && (
        <details>
          <summary>{words.found.helps}{told.remedy[0]}</summary>
          {told.remedy.slice(1).map((r) => <p key={r}>{r}</p>)}
        </details>
      )}
      <p class="muted">
        {rec.first !== undefined && rec.last !== undefined && `${clock(rec.first)}${rec.last > rec.first ? ` – ${clock(rec.last)}` : ''} s `}
        {there.slice(0, NAMED).map((id) => <button key={id} class="small" onClick={() => go(id)}>#{id}</button>)}
        {there.length >= NAMED && (rec.count ?? 0) > NAMED && ' …'}
      </p>
    </li>
  );
}
