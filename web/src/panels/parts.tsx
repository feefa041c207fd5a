// Small parts that several panels use.

import { Component, type ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Glyph } from '../glyph';
import { groupOf } from '../trace/describe';
import type { State } from '../trace/records';
import { d, maximised } from '../state/app';
import { address } from '../text';

export function StateName({ state, title }: { state: State; title?: string }) {
  return (
    <span class="state-name" title={title ?? d.value.states[state]}>
      <Glyph group={groupOf(state)} /> {state}
    </span>
  );
}

/** An address that may be too long for its place: cut in the middle, its port whole. */
export function Address({ of: a, title, narrow }: { of: { addr: string; port: number }; title?: string; narrow?: true }) {
  const whole = address(a);
  const addr = whole.slice(0, whole.lastIndexOf(':'));
  return (
    <span class="address" title={title ?? whole}>
      {addr.length > 20 && !narrow ? <><span class="addr">{addr.slice(0, -8)}</span><span>{addr.slice(-8)}</span></> : <span class="addr">{addr}</span>}
      <span>:{a.port}</span>
    </span>
  );
}

/** Gives a panel the whole page, and the page back to all of them. */
export function Maximise({ name }: { name: NonNullable<typeof maximised.value> }) {
  const on = maximised.value === name;
  const label = on ? d.value.view.restore : d.value.view.maximise;
  return (
    <button class="square maximise" aria-pressed={on} aria-label={label} title={label} onClick={() => { maximised.value = on ? undefined : name; }}>
      <Icon name={on ? 'restore' : 'maximise'} />
    </button>
  );
}

const ICONS = {
  maximise: 'M2 2h5v1.6H3.6V7H2zM14 14H9v-1.6h3.4V9H14zM9 2h5v5h-1.6V3.6H9zM7 14H2V9h1.6v3.4H7z',
  restore: 'M7 7H2V5.4h3.4V2H7zM9 9h5v1.6h-3.4V14H9zM14 7H9V2h1.6v3.4H14zM2 9h5v5H5.4v-3.4H2z',
  open: 'M1.5 3h5l1.5 2h6.5v8.5h-13zM3 6.5v5.5h10V6.5z', save: 'M7.2 1.5h1.6v6.3l2.3-2.3 1.1 1.1L8 10.8 3.8 6.6l1.1-1.1 2.3 2.3zM2 11h1.6v2h8.8v-2H14v3.6H2z',
  first: 'M3 3h2v10H3zM13 3v10L6 8z', prev: 'M12 3v10L4.5 8z', next: 'M4 3v10l7.5-5z', last: 'M11 3h2v10h-2zM3 3v10l7-5z',
  play: 'M4 2.5v11L13.5 8z', pause: 'M4 3h3v10H4zM9 3h3v10H9z', close: 'M3.5 4.6 4.6 3.5 8 6.9l3.4-3.4 1.1 1.1L9.1 8l3.4 3.4-1.1 1.1L8 9.1l-3.4 3.4-1.1-1.1L6.9 8z',
  light: 'M8 4.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM7.3.8h1.4v2H7.3zM7.3 13.2h1.4v2H7.3zM.8 7.3h2v1.4h-2zM13.2 7.3h2v1.4h-2zM2.4 3.4l1-1L4.8 3.8l-1 1zM11.2 12.2l1-1 1.4 1.4-1 1zM2.4 12.6l1.4-1.4 1 1-1.4 1.4zM11.2 3.8l1.4-1.4 1 1-1.4 1.4z',
  dark: 'M9.5 1.5A6.5 6.5 0 1 0 14.5 10 5.5 5.5 0 0 1 9.5 1.5z',
  auto: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zm0 1.5v10a5 5 0 0 0 0-10z',
  prevProblem: 'M8.5 3.5v9L2.5 8zM11 2.5h2.2l-.4 7h-1.4zM11 11h2.2v2.2H11z', nextProblem: 'M7.5 3.5v9l6-4.5zM2.8 2.5H5l-.4 7H3.2zM2.8 11H5v2.2H2.8z',
  prevState: 'M2.5 3h1.8v10H2.5zM12.5 3v10L9 8zM9 3v10L5 8z', nextState: 'M11.7 3h1.8v10h-1.8zM3.5 3v10L7 8zM7 3v10l4-5z',
};

export function Icon({ name }: { name: keyof typeof ICONS }) {
  return <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d={ICONS[name]} fill="currentColor" /></svg>;
}

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // file:// pages may be refused the clipboard; select the text so that a key can copy it.
      const code = document.getElementById('command');
      if (code) getSelection()?.selectAllChildren(code);
      return;
    }
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <button class="small" onClick={() => void copy()}>{done ? d.value.ui.copied : d.value.ui.copy}</button>;
}

/** An error in one panel must not take the page with it. */
export class Guard extends Component<{ children: ComponentChildren }, { failed: boolean; why: string }> {
  override state = { failed: false, why: '' };
  static override getDerivedStateFromError(e: unknown) {
    return { failed: true, why: e instanceof Error ? e.message : String(e) };
  }
  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <div class="hollow" role="alert">
        <p>{d.value.ui.panelFailed}</p>
        <p class="muted">{this.state.why}</p>
        <button onClick={() => this.setState({ failed: false })}>{d.value.ui.tryAgain}</button>
      </div>
    );
  }
}

/** An empty canvas of that size, sharp on any screen; `ink` knows the theme's colours by name. */
export function penFor(el: HTMLCanvasElement, width: number, height: number) {
  const ratio = devicePixelRatio || 1;
  el.width = Math.round(width * ratio);
  el.height = Math.round(height * ratio);
  el.style.width = `${width}px`;
  el.style.height = `${height}px`;
  const g = el.getContext('2d');
  if (!g) return undefined;
  g.scale(ratio, ratio);
  const css = getComputedStyle(el);
  return { g, ink: (name: string) => css.getPropertyValue(name).trim() };
}

/** Size and scroll position of an element, kept up to date; what virtual lists are cut to. */
export function useViewport<T extends HTMLElement>() {
  const ref = useRef<T>(null);
  const [view, setView] = useState({ top: 0, height: 600, width: 800 });
  const read = (el: T) => {
    const next = { top: el.scrollTop, height: el.clientHeight, width: el.clientWidth };
    setView((v) => (v.top === next.top && v.height === next.height && v.width === next.width ? v : next));
  };
  useEffect(() => {
    const el = ref.current;
    if (!el) return;
    let frame = 0;
    const soon = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        read(el);
      });
    };
    const sizes = new ResizeObserver(soon);
    sizes.observe(el);
    el.addEventListener('scroll', soon, { passive: true });
    read(el);
    return () => {
      sizes.disconnect();
      el.removeEventListener('scroll', soon);
      cancelAnimationFrame(frame);
    };
  }, []);
  /** Scrolls, and draws what is then in sight in the same frame. */
  const scrollTo = (top: number) => {
    const el = ref.current;
    if (!el) return;
    el.scrollTop = top;
    read(el);
  };
  return { ref, view, scrollTo };
}
