// The languages, a row each; the first is that of whoever speaks none of the others.

import { en } from './en';
import { zh } from './zh';
import { sentenceOf } from '../trace/sentence';
import type { End, OutcomeRec } from '../trace/records';
import type { Dictionary, Who } from './types';

export type { Dictionary, Told, Who } from './types';
export const dictionaries = {
  en,
  zh,
} satisfies Record<string, Dictionary>;
export type Lang = keyof typeof dictionaries;
export const LANGS = Object.keys(dictionaries) as Lang[];

/** The language of a tag (`zh-Hant-TW`), or the first. */
export function langOf(tag: string | undefined): Lang {
  const primary = tag?.toLowerCase().split('-')[0];
  return LANGS.find((l) => l === primary) ?? LANGS[0]!;
}

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

/** What an outcome says; undefined where this language has no words for it. */
export function sentence(d: Dictionary, o: OutcomeRec): string | undefined {
  if (!d.sentences) return o.text;
  const told = sentenceOf(o);
  const name = (key: string) => {
    const value = String(told!.spoken[key as keyof NonNullable<typeof told>['spoken']] ?? '');
    return value === 'client' || value === 'server' ? d.end[value].mid : value;
  };
  return told?.keys.map((k) => d.sentences![k].replace(/\{(\w+)\}/g, (_, key: string) => name(key))).join('');
}
