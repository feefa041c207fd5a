// A state's group as a sign, so that colour is never alone.

import type { ComponentChildren } from 'preact';
import type { Group } from './trace/describe';

const SHAPES: Record<Group, ComponentChildren> = {
  idle: <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" />,
  opening: <><circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" /><path d="M6 6V1.8A4.2 4.2 0 0 1 10.2 6Z" fill="currentColor" /></>,
  open: <rect x="1.5" y="1.5" width="9" height="9" fill="currentColor" />,
  active: <><rect x="1.6" y="1.6" width="8.8" height="8.8" fill="none" stroke="currentColor" stroke-width="1.2" /><path d="M2 6 6 2M2 10 10 2M6 10 10 6" stroke="currentColor" stroke-width="1.3" /></>,
  passive: <><rect x="1.6" y="1.6" width="8.8" height="8.8" fill="none" stroke="currentColor" stroke-width="1.2" /><path d="M4.2 2v8M6 2v8M7.8 2v8" stroke="currentColor" stroke-width="1" /></>,
  wait: <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3.3 2" />,
};

export function Glyph({ group }: { group: Group }) {
  return <svg class={`glyph g-${group}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">{SHAPES[group]}</svg>;
}
