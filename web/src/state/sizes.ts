// How wide and high a hand has made the panels, in pixels; what no hand has touched follows the window.

import { signal } from '@preact/signals';

/** The smallest, and the largest in hundredths of the window. theme.css keeps to the same, for windows that shrink later. */
const SIZED = { list: { least: 160, most: 34 }, side: { least: 280, most: 46 }, queues: { least: 60, most: 60 } } as const;
export type Sized = keyof typeof SIZED;
const NAMES = Object.keys(SIZED) as Sized[];

export const sizes = signal<Partial<Record<Sized, number>>>({});

export function limits(name: Sized): readonly [number, number] {
  const { least, most } = SIZED[name];
  return [least, Math.max(least, Math.round((name === 'queues' ? innerHeight : innerWidth) * most / 100))];
}

export function resize(name: Sized, to: number | undefined): void {
  const { [name]: _, ...others } = sizes.value;
  const [least, most] = limits(name);
  sizes.value = to === undefined ? others : { ...others, [name]: Math.round(Math.min(most, Math.max(least, to))) };
}

/** As it stands in an address: `260..180`; empty where nothing was touched. */
export const packSizes = (): string => (NAMES.some((n) => sizes.value[n]) ? NAMES.map((n) => sizes.value[n] ?? '').join('.') : '');

export function unpackSizes(text: string): void {
  sizes.value = {};
  for (const [i, part] of text.split('.').entries()) {
    const name = NAMES[i];
    if (name && /^\d{2,4}$/.test(part)) resize(name, Number(part));
  }
}
