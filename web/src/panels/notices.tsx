// What a user meets besides the good case: each has words of its own, on the page.

import type { ComponentChildren } from 'preact';
import {
  conn, d, failed, live, liveLost, loadedName, loading, malformed, otherTrace, refused, revision, stopped, tooLarge, trace, truncated,
} from '../state/app';
import { cancel, traces } from '../state/open';
import { saveFailed } from '../state/report';
import { known } from '../i18n';
import { MAX_EVENTS } from '../trace/model';
import type { Refusal } from '../trace/parse';
import { bytes, count, quote, show } from '../text';
import { Copy } from './parts';

function Note({ tone, children }: { tone: 'info' | 'warn' | 'bad'; children: ComponentChildren }) {
  return <div class={`notice ${tone}`}>{children}</div>;
}

export function Notices() {
  const p = d.value.problems;
  void revision.value;
  const t = trace.value;
  const m = malformed.value;
  const lost = t?.gaps.reduce((sum, g) => sum + g.lost, 0) ?? 0;
  const missing = t?.header?.missing ?? [];
  return (
    <div class="notices" role="status">
      {live.value === 'connecting' && <Note tone="info">{p.liveConnecting}</Note>}
      {live.value === 'lost' && <Note tone="warn">{p.liveLost}</Note>}
      {live.value === 'refused' && <Note tone="bad">{p.liveRefused}</Note>}
      {live.value === 'ended' && <Note tone="info">{p.liveEnded}</Note>}
      {liveLost.value > 0 && <Note tone="warn">{p.liveDropped(count(liveLost.value))}</Note>}
      {otherTrace.value !== undefined && <Note tone="info">{d.value.ui.otherTrace(show(otherTrace.value, 60))}</Note>}
      {stopped.value && <Note tone="info">{p.stopped}</Note>}
      {failed.value && <Note tone="bad">{show(loadedName.value ?? '', 80)}{d.value.colon}{failed.value.kind === 'unreadable' ? p.readTo(p.said(show(failed.value.message, 200))) : `${refusalText(failed.value)} · ${p.stopped}`}</Note>}
      {truncated.value && <Note tone="warn">{p.truncated}</Note>}
      {lost > 0 && <Note tone="warn">{p.gap(count(lost), t!.gaps.length)}</Note>}
      {m && <Note tone="warn">{p.malformed(m.count, m.line, p.said(m.why))} {m.text && <code>{show(m.text, 60)}</code>}</Note>}
      {saveFailed.value !== undefined && <Note tone="bad">{p.saveFailed(p.said(show(saveFailed.value, 160)))}</Note>}
      {tooLarge.value && <Note tone="warn">{p.tooLarge(count(t?.records.length ?? 0))}</Note>}
      {conn.value?.cut && <Note tone="info">{p.longConn(count(MAX_EVENTS))}</Note>}
      {traces.value > 1 && <Note tone="info">{d.value.view.moreTraces(count(traces.value))}</Note>}
      {missing.map((w, i) => w && typeof w === 'object' && (
        <Note key={i} tone="info">{p.missing(known(d.value.source, w.source) ?? show(w.source, 16), p.said(show(w.why, 160)))}</Note>
      ))}
    </div>
  );
}

export function Loading() {
  const l = loading.value;
  if (!l) return null;
  const part = l.size > 0 ? l.read / l.size : 0;
  return (
    <div class="loading" role="status">
      <span>{d.value.ui.loading} {show(l.name, 60)} · {bytes(l.read)} / {bytes(l.size)}</span>
      <progress max={1} value={part} aria-label={d.value.ui.loading} />
      <button class="small" onClick={cancel}>{d.value.ui.cancel}</button>
    </div>
  );
}

/** Why a file cannot be shown, and what to do about it. */
export function Refused() {
  const r = refused.value;
  if (!r) return null;
  const words = d.value;
  return (
    <div class="refused" role="alert">
      <h2>{words.problems.cannotOpen(show(r.name, 80))}</h2>
      <p>{refusalText(r.why)}</p>
      {r.why.kind === 'capture' && <CaptureCommand name={r.why.name} />}
    </div>
  );
}

function CaptureCommand({ name }: { name: string }) {
  const command = `tcplens read ${quote(name)} --output ${quote(`${name}.ndjson`)}`;
  return <><p class="command"><code id="command">{show(command, 300)}</code> <Copy text={command} /></p><p class="muted">{d.value.problems.captureRun}</p></>;
}

export function refusalText(why: Refusal): string {
  const p = d.value.problems;
  switch (why.kind) {
    case 'empty': return p.empty;
    case 'not-trace': return p.notTrace(show(why.head, 80));
    case 'version': return p.version(Number.isNaN(why.found) ? '?' : String(why.found));
    case 'capture': return p.capture;
    case 'unreadable': return p.unreadable(p.said(show(why.message, 200)));
  }
}
