// Keys by position (KeyboardEvent.code), so that they lie in the same place on every layout. Off
// while typing or composing, and all single keys can be turned off.

import {
  currentRec, filterText, follow, helpOpen, live, playing, singleKeys, tab, trace,
} from './app';
import { first, isState, last, play, step, stepConn, stepProblem, toNewest } from './cursor';
import { toggleMark } from './marks';
import { scrollLadder, toggleScale, zoomBy, zoomToFit } from './zoom';

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
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
    case 'ArrowRight': step(1, e.shiftKey ? isState : undefined); return true;
    case 'ArrowLeft': step(-1, e.shiftKey ? isState : undefined); return true;
    case 'ArrowDown': stepConn(1); return true;
    case 'ArrowUp': stepConn(-1); return true;
    case 'Home': first(); return true;
    case 'End': last(); return true;
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
    case 'KeyF': zoomToFit(); return true;
    case 'KeyM': if (currentRec.value) toggleMark(currentRec.value.n); return true;
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
      else if (typing(e.target)) (e.target as HTMLElement).blur();
      else if (filterText.value) filterText.value = '';
      else playing.value = false;
      return;
    }
    if (document.querySelector('dialog[open]') || !trace.value || typing(e.target)) return;
    // A focused button keeps Space and Enter for itself.
    if (e.code === 'Space' && e.target instanceof HTMLElement &&
        e.target.closest('button, summary, a, [role=button]')) return;
    if (run(e)) e.preventDefault();
  });
}
