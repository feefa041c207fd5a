// What is wrong in the whole trace: the worst first, each with what helps and the connections that show it.

import { useEffect, useState } from 'preact/hooks';
import { conn, d, revision, tab, trace } from '../state/app';
import { moveTo, select } from '../state/cursor';
import { findingText } from '../kinds/finding-text';
import type { FindingRec } from '../trace/records';
import { SEVERITIES, type Severity } from '../trace/words';
import { clock, count } from '../text';

const rank = (f: FindingRec): number => {
  const at = SEVERITIES.indexOf(f.severity as Severity);
  return at < 0 ? SEVERITIES.length : at;
};

/** Drawn at once. */
const MANY = 50;

export function Findings() {
  void revision.value;
  const t = trace.value;
  const all = [...t?.findings.values() ?? []].sort((a, b) => rank(a) - rank(b) || (b.count ?? 0) - (a.count ?? 0));
  const bad = all.some((f) => f.severity !== 'note');
  const [chosen, choose] = useState<boolean | undefined>(undefined);
  useEffect(() => choose(undefined), [t]);
  if (all.length === 0) return null;
  const words = d.value.found;
  const open = chosen ?? bad;
  return (
    <section class="panel found" aria-label={words.title}>
      <h2>
        <button class="bare" aria-expanded={open} aria-controls="found-list" onClick={() => choose(!open)}>
          <span aria-hidden="true">{open ? '▾' : '▸'}</span> {words.title}
        </button>
        {SEVERITIES.map((s) => {
          const n = all.filter((f) => f.severity === s).length;
          return n > 0 && <small key={s} class={`sev ${s}`}>{words.counts[s](n)}</small>;
        })}
      </h2>
      {open && (
        <ul id="found-list" tabIndex={0}>
          {all.slice(0, MANY).map((f) => <Finding key={f.n} rec={f} />)}
          {all.length > MANY && <li class="muted">{words.more(count(all.length - MANY))}</li>}
        </ul>
      )}
    </section>
  );
}

function Finding({ rec }: { rec: FindingRec }) {
  const words = d.value.found;
  const told = findingText(d.value, rec, trace.value?.header?.sysctl);
  const go = (id: number) => {
    select(id);
    const shows = conn.value?.events.find((e) => rec.because?.includes(e.n));
    if (shows) moveTo(shows);
    tab.value = 'ladder';
  };
  return (
    <li class={rec.severity}>
      <p>
        <b class={`sev ${rec.severity}`}>{told.name}</b> {told.text}{' '}
        <span class="muted">
          {rec.count !== undefined && words.times(count(rec.count))}
          {rec.first !== undefined && rec.last !== undefined && ` · ${clock(rec.first)}${rec.last > rec.first ? ` – ${clock(rec.last)}` : ''} s `}
        </span>
        {(rec.conns ?? []).slice(0, 8).map((id) => trace.value?.conn(id) && <button key={id} class="small" onClick={() => go(id)}>#{id}</button>)}
      </p>
      {told.remedy.length > 0 && (
        <details>
          <summary>{words.helps}: {told.remedy[0]}</summary>
          {told.remedy.slice(1).map((r) => <p key={r}>{r}</p>)}
        </details>
      )}
    </li>
  );
}
