// The edge between two panels: dragged, or moved by arrow keys; a double click or Home gives it back to the window.

import { useRef } from 'preact/hooks';
import { d } from '../state/app';
import { limits, resize, sizes, type Sized } from '../state/sizes';

const STEP = 16;

/** Stands in the panel's column. `grows`: to which side the panel gets larger. */
export function Splitter({ name, grows }: { name: Sized; grows: 'right' | 'left' | 'up' }) {
  const ref = useRef<HTMLDivElement>(null);
  const held = useRef<{ at: number; size: number }>();
  const up = grows === 'up';
  const sign = grows === 'right' ? 1 : -1;
  const panel = () => {
    const column = ref.current?.parentElement;
    const sized = up ? column?.querySelector<HTMLElement>('.queues-scroll, .graph') : column;
    return sized?.[up ? 'offsetHeight' : 'offsetWidth'] ?? 0;
  };
  const [least, most] = limits(name);
  const now = sizes.value[name] ?? panel();
  return (
    <div
      ref={ref} class={`splitter of-${name}`} role="separator" tabIndex={0} aria-orientation={up ? 'horizontal' : 'vertical'}
      aria-label={up ? d.value.view.height : d.value.view.width} aria-valuemin={least} aria-valuemax={most} aria-valuenow={Math.min(most, Math.max(least, now))}
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId);
        held.current = { at: up ? e.clientY : e.clientX, size: panel() };
      }}
      onPointerMove={(e) => {
        const from = held.current;
        if (from) resize(name, from.size + ((up ? e.clientY : e.clientX) - from.at) * sign);
      }}
      onPointerUp={() => { held.current = undefined; }} onPointerCancel={() => { held.current = undefined; }}
      onDblClick={() => resize(name, undefined)}
      onKeyDown={(e) => {
        const by = { ArrowRight: up ? 0 : sign, ArrowLeft: up ? 0 : -sign, ArrowUp: up ? 1 : 0, ArrowDown: up ? -1 : 0 }[e.key];
        if (!by && e.key !== 'Home') return;
        // Else the page's cursor would move too.
        e.preventDefault();
        e.stopPropagation();
        resize(name, by ? panel() + by * STEP : undefined);
      }}
    />
  );
}
