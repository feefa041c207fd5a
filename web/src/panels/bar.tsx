// The two lines at the top: what is open, and the cursor's controls.

import { useState } from 'preact/hooks';
import {
  currentRow, cursor, d, follow, followNewest, helpOpen, hiding, ladder, lang, live, loadedKind, loadedName, playing, revision, speed, theme, times, TIMES, told,
  touched, trace, view, type Theme, type Times, type View,
} from '../state/app';
import { dictionaries, LANGS } from '../i18n';
import { first, goTo, isState, last, play, step, stepProblem, toNewest } from '../state/cursor';
import { findEvent } from '../state/find';
import { wrongs } from '../state/findings';
import { Teaching } from './teach';
import { toggleFollow } from '../state/keys';
import { given, openFiles, openGiven, shownFile } from '../state/open';
import { original, saveReport, saving } from '../state/report';
import { sealed } from '../lab/state';
import { clock, count, show } from '../text';
import { BesideButton } from './beside';
import { Icon } from './parts';

export function pick(): void {
  document.getElementById('file')?.click();
}

export function FileInput() {
  return (
    <input
      id="file" type="file" multiple class="sr" tabIndex={-1} aria-hidden="true" accept=".ndjson,.gz,.json,.jsonl,.pcap,.pcapng,.cap,.dmp"
      onChange={(e) => {
        const input = e.currentTarget;
        openFiles([...input.files ?? []]);
        // The same file can be opened again after it has changed.
        input.value = '';
      }}
    />
  );
}

export function TopBar() {
  const words = d.value;
  const t = trace.value;
  const kind = loadedKind.value;
  void revision.value;
  const seen = sealed.value ? undefined : t;
  const name = kind && (kind === 'sample' ? words.ui.sampleName : kind === 'live' ? words.ui.liveName : show(loadedName.value, 60));
  return (
    <header class="bar top">
      <h1><Logo /> tcplens</h1>
      {given.value.length > 1
        ? <select class="file" aria-label={words.view.file} value={String(shownFile.value)} onChange={(e) => openGiven(Number(e.currentTarget.value))}>
            {given.value.map((f, i) => <option key={i} value={String(i)}>{show(f.name, 60)}</option>)}
          </select>
        : name && <span class="file" title={t?.header?.command?.map((a) => show(a)).join(' ')}>{name}</span>}
      {seen && <span class="muted stats">{words.ui.stats(count(seen.records.length), count(seen.conns.length), seen.conns.length === 1)}</span>}
      {seen && <Views />}
      <span class="grow" />
      {t && <button onClick={pick} aria-label={words.ui.open} title={words.ui.open}><Icon name="open" /> <span class="label">{words.ui.open}</span></button>}
      {seen && <BesideButton />}
      {t && <button id="save" disabled={!original.value || saving.value} aria-label={words.ui.save} title={words.ui.saveHint} onClick={() => void saveReport()}><Icon name="save" /> <span class="label">{words.ui.save}</span></button>}
      <LangSwitch />
      <ThemeSwitch />
      <button class="square" aria-label={words.ui.help} title={`${words.ui.help} (?)`} onClick={() => { helpOpen.value = true; }}>?</button>
    </header>
  );
}

/** What is wrong with all of it, or one connection. */
function Views() {
  const { answers: words } = d.value;
  const bad = wrongs.value;
  const go = (to: View) => {
    touched.value = true;
    view.value = to;
  };
  return (
    <div class="switch views" role="group" aria-label={words.answers}>
      <button id="view-answers" aria-pressed={view.value === 'answers'} onClick={() => go('answers')}>{words.answers}{bad > 0 && !hiding.value && <b class="badge"> ‼ {bad}</b>}</button>
      <button id="view-sequence" aria-pressed={view.value === 'sequence'} onClick={() => go('sequence')}>{words.sequence}</button>
    </div>
  );
}

function Logo() {
  return (
    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" class="logo">
      <path d="M4 2v16M16 2v16" stroke="currentColor" stroke-width="2" /><path d="M5 6l10 3M15 12l-10 3" stroke="currentColor" stroke-width="1.8" />
    </svg>
  );
}

function LangSwitch() {
  return (
    <div class="switch" role="group" aria-label={d.value.ui.language}>
      {LANGS.map((l) => (
        <button key={l} lang={dictionaries[l].tag} aria-pressed={lang.value === l} onClick={() => { lang.value = l; }}>{dictionaries[l].button}</button>
      ))}
    </div>
  );
}

const NEXT: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };

function ThemeSwitch() {
  const name = d.value.ui.theme[theme.value];
  return (
    <button class="square" id="theme" aria-label={name} title={name} onClick={() => { theme.value = NEXT[theme.value]; }}>
      <Icon name={theme.value} />
    </button>
  );
}

/** A time as people write it: `1.25`, `1.25 s`, `12 ms`, `350us`; in ns. */
function parseTime(text: string): number | undefined {
  const m = /^\s*(\d[\d,\s\u202f]*(?:\.[\d\s\u202f]*)?|\.\d+)\s*(s|ms|us|µs|ns)?\s*$/i.exec(text);
  if (!m) return undefined;
  const unit = { s: 1e9, ms: 1e6, us: 1e3, 'µs': 1e3, ns: 1 }[(m[2] ?? 's').toLowerCase()]!;
  return Math.round(Number(m[1]!.replace(/[,\s\u202f]/g, '')) * unit);
}

function GoTo() {
  const ui = d.value.ui;
  const [bad, setBad] = useState(false);
  return (
    <form class="goto" onSubmit={(e) => {
      e.preventDefault();
      const input = e.currentTarget.elements.namedItem('goto') as HTMLInputElement;
      const t = parseTime(input.value);
      setBad(t === undefined);
      if (t === undefined) return;
      goTo(Math.min(t, trace.value?.last ?? t));
      input.value = '';
      input.blur();
    }}>
      <input
        id="goto" name="goto" type="text" inputMode="decimal" autocomplete="off" placeholder={ui.goTo} aria-label={ui.goTo} aria-invalid={bad}
        title={`${ui.goToHint} (G)`} aria-describedby={bad ? 'goto-bad' : undefined} onInput={() => setBad(false)}
      />
      {bad && <span id="goto-bad" class="bad-input" role="alert">{ui.badTime}</span>}
    </form>
  );
}

function FindEvent() {
  const words = d.value.view;
  const [bad, setBad] = useState(false);
  return (
    <div class="goto">
      <input
        id="find" type="text" autocomplete="off" placeholder={words.find} aria-label={words.find} title={words.findHint} aria-invalid={bad} aria-describedby={bad ? 'find-bad' : undefined}
        onInput={() => setBad(false)}
        onKeyDown={(e) => {
          if (e.key !== 'Enter' || e.isComposing) return;
          e.preventDefault();
          setBad(!findEvent(e.currentTarget.value, e.shiftKey ? -1 : 1));
        }}
      />
      {bad && <span id="find-bad" class="bad-input" role="alert">{words.notFound}</span>}
    </div>
  );
}

export function Controls() {
  const words = d.value;
  const ui = words.ui;
  const total = ladder.value?.events.length ?? 0;
  const here = currentRow.value?.index ?? -1;
  const button = (name: Parameters<typeof Icon>[0]['name'], label: string, key: string, act: () => void, off: boolean) => (
    <button class="square" aria-label={label} title={`${label} (${key})`} disabled={off} onClick={act}><Icon name={name} /></button>
  );
  return (
    <div class="bar controls" role="toolbar" aria-label={ui.time}>
      {button('first', ui.first, 'Home', first, here <= 0)}
      {button('prevState', ui.prevState, 'Shift ←', () => step(-1, isState), here <= 0)}
      {button('prev', ui.prev, '←', () => step(-1), here <= 0)}
      <button class="square main" id="play" aria-label={playing.value ? ui.pause : ui.play} title={`${playing.value ? ui.pause : ui.play} (Space)`} disabled={total === 0} onClick={() => play(!playing.value)}>
        <Icon name={playing.value ? 'pause' : 'play'} />
      </button>
      {button('next', ui.next, '→', () => step(1), here >= total - 1)}
      {button('nextState', ui.nextState, 'Shift →', () => step(1, isState), here >= total - 1)}
      {button('last', ui.last, 'End', last, here >= total - 1)}
      {button('prevProblem', ui.prevProblem, '[', () => stepProblem(-1), !trace.value?.troubles.length)}
      {button('nextProblem', ui.nextProblem, ']', () => stepProblem(1), !trace.value?.troubles.length)}
      <label class="speed"><span class="sr">{ui.speed}</span>
        <select value={String(speed.value)} onChange={(e) => { speed.value = Number(e.currentTarget.value); }}>
          {[0.5, 1, 2, 5, 20].map((s) => <option key={s} value={String(s)}>{ui.perSecond(s)}</option>)}
        </select>
      </label>
      <label class="speed"><span class="sr">{words.view.times}</span>
        <select id="times" title={words.view.times} value={times.value} onChange={(e) => { times.value = e.currentTarget.value as Times; }}>
          {TIMES.map((v) => <option key={v} value={v}>{words.view.timesOf[v]}</option>)}
        </select>
      </label>
      <output class="position"><b>{times.value === 'clock' ? told(cursor.value.t) : `t = ${clock(cursor.value.t)} s`}</b>{total > 0 && <span class="muted">{ui.position(count(here + 1), hiding.value ? '?' : count(total))}</span>}</output>
      <GoTo />
      <FindEvent />
      <span class="grow" />
      <Teaching />
      {live.value && live.value !== 'refused' && (
        <>
          {live.value === 'open' && <span class="live"><i aria-hidden="true" />{ui.live}</span>}
          {live.value !== 'ended' && <button id="follow" aria-pressed={follow.value} onClick={toggleFollow} title={`${ui.followOff} (L)`}>{follow.value ? ui.followOn : ui.followOff}</button>}
          {live.value !== 'ended' && follow.value && (
            <label class="check newest"><input type="checkbox" checked={followNewest.value} onChange={(e) => { followNewest.value = e.currentTarget.checked; toNewest(); }} /> {words.view.followNewest}</label>
          )}
        </>
      )}
    </div>
  );
}
