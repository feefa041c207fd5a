// The filter's line, with what the word under the hand could become.

import { useState } from 'preact/hooks';
import { atTheEnd, d, filter, filterText, nameOf, trace, visible } from '../state/app';
import { select } from '../state/cursor';
import { complete, lastWord, valuesOf, type Hint } from '../trace/filter';
import { FILTER_KEYS } from '../trace/filter-keys';
import { count, show } from '../text';
import { Icon } from './parts';

export function Filter() {
  const ui = d.value.ui;
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const all = open ? complete(filterText.value, trace.value, nameOf) : [];
  const on = all.length > 0;

  const set = (text: string) => {
    filterText.value = text;
    setAt(-1);
  };
  const take = (i: number) => {
    const { text } = all[i]!;
    // A key wants its value next; a value is done.
    const before = filterText.value.slice(0, filterText.value.length - lastWord(filterText.value).length);
    set(`${before}${text}${text.endsWith(':') ? '' : ' '}`);
    if (!text.endsWith(':')) setOpen(false);
  };
  const key = (e: KeyboardEvent) => {
    if (e.isComposing) return;
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      if (!on) setOpen(true);
      else setAt((at + (e.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1) + all.length) % all.length);
    } else if (on && e.key === 'Enter' && at >= 0) take(at);
    else if (e.key === 'Enter') {
      // The first that was found.
      setOpen(false);
      if (visible.value[0]) select(visible.value[0].id);
    }
    else if (on && e.key === 'Tab' && !e.shiftKey && /\S$/.test(filterText.value)) take(Math.max(0, at));
    else if (on && e.key === 'Escape') setOpen(false);
    else return;
    e.preventDefault();
    // Escape closes one thing at a time.
    e.stopPropagation();
  };
  return (
    <div class="filter">
      <label class="sr" for="filter">{ui.filter}</label>
      <input
        id="filter" type="text" inputMode="search" autocomplete="off" spellcheck={false} placeholder={ui.filterHint} value={filterText.value}
        role="combobox" aria-expanded={on} aria-controls="completions" aria-autocomplete="list" aria-activedescendant={on && at >= 0 ? `completion-${at}` : undefined}
        onInput={(e) => { set(e.currentTarget.value); setOpen(true); }} onKeyDown={key} onBlur={() => setOpen(false)} onClick={() => setOpen(true)}
      />
      {filterText.value && (
        <button class="bare" aria-label={ui.clearFilter} title={ui.clearFilter} onClick={() => set('')}><Icon name="close" /></button>
      )}
      {filter.value.hints.length > 0 && <p class="unknown" role="status">{filter.value.hints.slice(0, 3).map((h) => <span key={h.word}>{hintText(h)} </span>)}</p>}
      <ul id="completions" class="completions" role="listbox" aria-label={ui.filter} hidden={!on}>
        {all.map((c, i) => (
          <li
            key={c.text} id={`completion-${i}`} role="option" aria-selected={i === at}
            onPointerDown={(e) => { e.preventDefault(); take(i); }}
          ><code>{show(c.text, 48)}</code>{c.key ? <small> {ui.filterKeys[c.key]}</small> : c.says !== undefined && <small> {show(c.says, 48)}</small>}</li>
        ))}
      </ul>
    </div>
  );
}

/** Values that are named, of those there are. */
const NAMED = 16;

function hintText({ kind, word, key }: Hint): string {
  const known = kind === 'key' ? FILTER_KEYS : key ? valuesOf(key, trace.value) : [];
  return d.value.answers.filterHints[kind](show(word, 48), `${known.slice(0, NAMED).map((v) => show(v, 32)).join(', ')}${known.length > NAMED ? ' …' : ''}`);
}

/** Why there is nothing in the list, and what there would be. */
export function NoMatch() {
  const words = d.value;
  if (visible.value.length > 0) return null;
  const end = atTheEnd.value;
  return (
    <div class="hollow">
      <p>{trace.value?.all.length ? words.ui.filterNone : words.ui.noConnections}</p>
      {end > 0 && <p>{words.answers.atEnd(count(end))} <button class="small" onClick={() => { filterText.value = filterText.value.replace(/\bstate:/gi, 'final:'); }}>{words.answers.useFinal}</button></p>}
    </div>
  );
}
