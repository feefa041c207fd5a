import { en } from './en';
import { zh } from './zh';
import type { Dictionary, Lang, Who } from './types';
import type { End } from '../trace/records';

export type { Dictionary, Lang, Told, Who } from './types';
export const dictionaries: Record<Lang, Dictionary> = { en, zh };

/** A word that the trace may not have from our list: fall back rather than show nothing. */
export function known<K extends string, V>(map: Record<K, V>, key: string | undefined): V | undefined {
  return key !== undefined && Object.hasOwn(map, key) ? map[key as K] : undefined;
}

export function who(d: Dictionary, end: End): Who {
  const other: End = end === 'client' ? 'server' : 'client';
  return { a: d.end[end].mid, A: d.end[end].start, b: d.end[other].mid, B: d.end[other].start };
}

/** Puts the ends into a sentence of the dictionary. */
export function fill(text: string, w: Who): string {
  return text.replace(/\{([aAbB])\}/g, (_, key: keyof Who) => w[key]);
}
