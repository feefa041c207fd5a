// What a word of the filter can ask for, as in `state:TIME-WAIT`.

export const FILTER_KEYS = [
  'state', 'final', 'ever', 'outcome', 'cause', 'problem', 'port', 'addr', 'comm', 'pid', 'listener', 'rtt', 'retrans', 'bytes', 'duration',
] as const;
export type FilterKey = (typeof FILTER_KEYS)[number];
/** These are compared as numbers: `rtt>10ms`, `retrans:0`. */
export const FIGURES: Partial<Record<FilterKey, 'time' | 'number'>> = {
  rtt: 'time', duration: 'time', retrans: 'number', bytes: 'number', port: 'number', pid: 'number', listener: 'number',
};
/** One of each way to ask: what they mean each language says, in this order (answers.filterWords). */
export const FILTER_EXAMPLES = [
  'curl', 'port:443 final:TIME-WAIT', 'cause:abort or rtt>10ms', 'not cause:any', 'cause:"listener closed"', 'bytes>=1M duration<2s',
] as const;
/** Why a word of the filter asks for nothing, or can match nothing. */
export type HintKind = 'key' | 'value' | 'time' | 'number' | 'operator' | 'parenthesis';
