// What a word of the filter can ask for, as in `state:TIME-WAIT`.

export const FILTER_KEYS = ['state', 'ever', 'port', 'addr', 'comm', 'outcome', 'problem', 'listener'] as const;
export type FilterKey = (typeof FILTER_KEYS)[number];
