// Keys by position (KeyboardEvent.code), so that they lie in the same place on every layout. Off
// while typing or composing, and all single keys can be turned off.

import {
  currentRec, filterText, follow, helpOpen, hiding, live, maximised, playing, singleKeys, tab, touched, trace, view,
} from './app';
import { first, isState, last, play, step, stepConn, stepProblem, toNewest } from './cursor';
import { marks, toggleMark } from './marks';
import { fullScreen, showSlide, showTour, slide, touring } from './teach';
import { sealed } from '../lab/state';
import { fit, scrollLadder, toggleFold, toggleScale, zoomBy } from './zoom';

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement &&
    (target.isContentEditable || (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && (target as HTMLInputElement).type !== 'checkbox'));
}

/** The tab that it stands in may have to be drawn first. */
function focusOn(id: string): void {
  requestAnimationFrame(() => document.getElementById(id)?.focus());
}

function focusFilter(): void {
  tab.value = 'list';
  focusOn('filter');
}

export function toggleFollow(): void {
  follow.value = !follow.value;
  if (follow.value) toNewest();
}

function run(e: KeyboardEvent): boolean {
  switch (e.code) {
    case 'ArrowRight': case 'ArrowLeft': {
      const by = e.code === 'ArrowRight' ? 1 : -1;
      if (slide.value !== undefined && !e.shiftKey) showSlide(slide.value + by);
      else step(by, e.shiftKey ? isState : undefined);
      return true;
    }
    case 'ArrowDown': stepConn(1); return true;
    case 'ArrowUp': stepConn(-1); return true;
    case 'Home': first(); return true;
    case 'End': last(); return true;
    case 'PageDown': case 'PageUp': {
      const by = e.code === 'PageDown' ? 1 : -1;
      if (touring.value !== undefined) showTour(touring.value + by);
      else if (slide.value !== undefined) showSlide(slide.value + by);
      else return false;
      return true;
    }
  }
  if (!singleKeys.value) return false;
  switch (e.code) {
    case 'Space': play(!playing.value); return true;
    case 'KeyN': stepConn(1); return true;
    case 'KeyP': stepConn(-1); return true;
    case 'BracketRight': stepProblem(1); return true;
    case 'BracketLeft': stepProblem(-1); return true;
    case 'KeyG': focusOn('goto'); return true;
    case 'KeyT': toggleScale(); return true;
    case 'KeyW': zoomBy(2); return true;
    case 'KeyS': zoomBy(0.5); return true;
    case 'KeyA': scrollLadder(-1); return true;
    case 'KeyD': scrollLadder(1); return true;
    case 'KeyF': if (e.shiftKey) fullScreen(); else fit(); return true;
    case 'KeyX': toggleFold(); return true;
    case 'KeyH': hiding.value = !hiding.value; return true;
    case 'KeyV': view.value = view.value === 'answers' ? 'sequence' : 'answers'; touched.value = true; return true;
    case 'KeyM':
      if (!currentRec.value) return true;
      if (!marks.value.has(currentRec.value.n)) toggleMark(currentRec.value.n);
      // Before the next key: what is typed then is the note.
      queueMicrotask(() => document.getElementById('note')?.focus());
      return true;
    case 'KeyE': document.getElementById('why')?.focus(); return true;
    case 'KeyL': if (live.value) toggleFollow(); return true;
    case 'Slash':
      if (e.shiftKey) helpOpen.value = true;
      else focusFilter();
      return true;
  }
  if (e.key === '?') {
    helpOpen.value = true;
    return true;
  }
  return false;
}

export function startKeys(): void {
  addEventListener('keydown', (e) => {
    if (e.isComposing || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.code === 'Escape') {
      if (helpOpen.value) helpOpen.value = false;
      // From a note the keys are the page's again: the cursor's panel has them.
      else if (typing(e.target)) {
        (e.target as HTMLElement).blur();
        if ((e.target as HTMLElement).id === 'note') document.querySelector<HTMLElement>('.ladder-scroll')?.focus();
      }
      else if (touring.value !== undefined) showTour(undefined);
      else if (slide.value !== undefined) showSlide(undefined);
      else if (maximised.value) maximised.value = undefined;
      else if (filterText.value) filterText.value = '';
      else playing.value = false;
      return;
    }
    if (document.querySelector('dialog[open]') || !trace.value || sealed.value || typing(e.target)) return;
    // A focused button keeps Space and Enter for itself.
    if (e.code === 'Space' && e.target instanceof HTMLElement &&
        e.target.closest('button, summary, a, input, [role=button]')) return;
    if (run(e)) e.preventDefault();
  });
}
