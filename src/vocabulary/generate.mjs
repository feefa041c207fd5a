// Makes from the vocabulary (JSON on standard input, as src/vocabulary/main.c prints it) what else must know it:
//   docs/trace.schema.json, the tables in docs/trace-format.md, docs/limits.md, web/src/trace/words.ts, web/src/trace/edges.ts
// generate.mjs ROOT           writes them where they differ
// generate.mjs ROOT --check   fails where one differs
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [root, mode] = process.argv.slice(2);
const vocabulary = JSON.parse(readFileSync(0, 'utf8'));
const { kinds, types, words, states, edges, limits } = vocabulary;
const of = (list) => words[list].map((w) => w.word);

// ---- the schema -------------------------------------------------------------------------------------------------------

/** Lists that many kinds share have a name in the schema; the others stand where they are used. */
const NAMED = { end: 'side', witness: 'witness', object: 'kernel_object' };
const CHANGES = kinds.map((k) => k.word).filter((k) => k !== 'header' && k !== 'end');

/** References to word lists become what they name. */
function resolve(schema) {
  if (Array.isArray(schema)) return schema.map(resolve);
  if (typeof schema !== 'object' || schema === null) return schema;
  const list = schema.$ref?.replace('#/$defs/', '');
  if (list === 'kind') return { enum: CHANGES };
  if (list in NAMED) return { $ref: `#/$defs/${NAMED[list]}` };
  if (list in words) return { enum: of(list) };
  return Object.fromEntries(Object.entries(schema).map(([k, v]) => [k, resolve(v)]));
}
const typeSchema = (type) => resolve(type in types ? types[type].schema : { $ref: `#/$defs/${type}` });
const ref = (name) => ({ $ref: `#/$defs/${name}` });
const integer = (minimum, maximum) => ({ type: 'integer', minimum, maximum });
const object = (properties, required = Object.keys(properties)) =>
  ({ type: 'object', ...(required.length && { required }), additionalProperties: false, properties });
const SAFE = Number.MAX_SAFE_INTEGER;
/** JSON knows it; JavaScript would round it. */
const U64 = '@U64@';

/** One record, but for a kind that says otherwise. */
const becauseOf = (kind) => {
  const own = kind.fields.find((f) => f.key === 'because');
  return own ? typeSchema(own.type) : ref('number');
};

function kindSchema(kind) {
  const frame = kind.word === 'header' || kind.word === 'end';
  const fields = kind.fields.filter((f) => f.key !== 'because');
  const properties = {
    record: { const: kind.word },
    n: kind.word === 'header' ? { const: 0 } : ref('number'),
    t: kind.word === 'header' ? { const: 0 } : ref('time'),
    ...(!frame && { late: { const: true } }),
    ...(kind.word !== 'header' && { at: typeSchema('start') }),
    ...Object.fromEntries(fields.map((f) => [f.key, typeSchema(f.type)])),
    ...(!frame && { because: becauseOf(kind) }),
  };
  const required = ['record', 'n', 't', ...fields.filter((f) => f.presence !== 'where').map((f) => f.key)];
  return { required, additionalProperties: false, properties, ...kind.extra };
}

function schema() {
  const definitions = {
    number: integer(1, SAFE),
    time: integer(0, SAFE),
    count: integer(0, U64),
    id: integer(1, 4294967295),
    u16: integer(0, 65535),
    u32: integer(0, 4294967295),
    tunnel: object({ type: { enum: of('tunnel_type') }, id: ref('u32'), from: ref('addr'), to: ref('addr') }, ['type']),
    addr: { type: 'string', pattern: '^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$' },
    comm: { type: 'string', maxLength: 16 },
    side: { enum: of('end') },
    witness: { enum: of('witness') },
    kernel_object: { enum: of('object') },
    poll_event: { enum: of('poll_event') },
    icmp_error: { enum: of('icmp_error') },
    tcp_state: { enum: states },
    endpoint: object({ addr: ref('addr'), port: ref('u16') }),
    kernel: object({ state: { type: 'string', pattern: '^[A-Z][A-Z0-9_]*$' }, object: ref('kernel_object') }),
    owner: object({ pid: ref('id'), comm: ref('comm') }),
    pair: object({ client: ref('count'), server: ref('count') }),
    state_pair: object({ client: ref('tcp_state'), server: ref('tcp_state') }),
    state_times: { type: 'object', propertyNames: ref('tcp_state'), additionalProperties: integer(1, U64) },
    durations: object({ client: ref('state_times'), server: ref('state_times') }),
    options: {
      minProperties: 1,
      ...object({
        mss: ref('u16'),
        wscale: integer(0, 255),
        sack_ok: { const: true },
        sack: { type: 'array', maxItems: 4, items: { type: 'array', items: ref('count'), minItems: 2, maxItems: 2 } },
        ts: { type: 'array', items: ref('u32'), minItems: 2, maxItems: 2 },
        tfo: integer(0, 255),
        mptcp: { const: true },
        md5: { const: true },
        ao: { const: true },
      }, []),
    },
  };
  const all = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'One line of a tcplens trace, version 1',
    description: 'What this version writes, closed: an unknown field is an error here. A reader of traces ignores what it '
      + 'does not know instead. What a schema cannot say of a whole file (order, numbering, references) is checked by '
      + 'tests/validate_trace.py. Made from include/tcplens/trace/.',
    type: 'object',
    required: ['record', 'n', 't'],
    properties: { record: { enum: ORDER } },
    allOf: ORDER.map((word) => ({ if: { properties: { record: { const: word } } }, then: ref(word) })),
    $defs: { ...Object.fromEntries(ORDER.map((word) => [word, kindSchema(kindOf(word))])), ...definitions },
  };
  return JSON.stringify(all, null, 2).replaceAll(`"${U64}"`, '18446744073709551615') + '\n';
}

const ORDER = ['header', ...CHANGES, 'end'];
const kindOf = (word) => kinds.find((k) => k.word === word);

// ---- the tables of the documentation ----------------------------------------------------------------------------------

const told = (list) => words[list].map((w) => `\`${w.word}\`${w.meaning ? ` (${w.meaning})` : ''}`).join(', ');
/** Lists that the text above the tables tells of. */
const TOLD_ONCE = new Set(['end', 'how', 'witness']);
const NAMES = { end: 'end', how: 'how', witness: 'source', object: 'object' };

function row(f) {
  const list = f.type === 'notes' ? 'segment_note' : f.type === 'tunnels' ? 'tunnel_type' : f.type === 'poll_events' ? 'poll_event' : f.type in words && !(f.type in types) ? f.type : undefined;
  const type = f.type === 'flags' ? `array of \`${of('segment_flag').join(' ')}\`, in this order`
    : types[f.type]?.meaning ?? NAMES[f.type] ?? 'string';
  const meaning = list && !TOLD_ONCE.has(list) && list !== 'object' ? `${f.meaning}: ${told(list)}` : f.meaning;
  return `| \`${f.key}\` | ${type} | ${meaning} |`;
}

function table(word) {
  return ['| field | type | meaning |', '|---|---|---|', ...kindOf(word).fields.map(row)].join('\n');
}

function documentation(text) {
  const seen = [];
  const out = text.replace(/<!-- fields of ([a-z]+) -->\n[^]*?<!-- end of fields -->/g, (_, word) => {
    seen.push(word);
    return `<!-- fields of ${word} -->\n${table(word)}\n<!-- end of fields -->`;
  });
  const missing = ORDER.filter((word) => !seen.includes(word));
  return missing.length === 0 ? out
    : out + missing.map((word) => `\n## ${word}\n${kindOf(word).says}.\n<!-- fields of ${word} -->\n${table(word)}\n<!-- end of fields -->\n`).join('');
}

// ---- the limits -------------------------------------------------------------------------------------------------------

/** 67108864 bytes: 64 MiB. */
function amount({ value, unit }) {
  if (unit === 'COUNT') return value.toLocaleString('en');
  const power = [30, 20, 10].find((p) => value % 2 ** p === 0);
  return power ? `${value / 2 ** power} ${{ 30: 'GiB', 20: 'MiB', 10: 'KiB' }[power]}` : `${value} bytes`;
}

function limitsMd() {
  return ['# Limits', '', 'Made from `include/tcplens/base/limits.h` by `make vocabulary`: do not edit.', '',
    '| what | limit | beyond it | where that is said |', '|---|---|---|---|',
    ...limits.map((l) => `| ${l.what} | ${amount(l)} | ${l.beyond} | ${l.told} |`), ''].join('\n');
}

// ---- the viewer's words -----------------------------------------------------------------------------------------------

const quote = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
function wrapped(items, indent = '  ') {
  const lines = [];
  let line = indent;
  for (const item of items) {
    if (line.length + item.length + 2 > 118) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${item}, `;
  }
  return [...lines, line.trimEnd()].join('\n');
}

const LISTS = [
  ['STATES', 'State', states], ['ENDS', 'End', of('end')], ['HOWS', 'How', of('how')],
  ['SOURCES', 'Source', of('witness')], ['OBJECTS', 'KernelObject', of('object')],
  ['TIMERS', 'TimerName', of('timer_name')], ['TIMER_WHYS', 'TimerWhy', of('timer_why')],
  ['QUEUE_WHYS', 'QueueWhy', of('queue_why')], ['NOTES', 'Note', of('segment_note')],
  ['VERDICTS', 'Verdict', of('verdict')], ['CAUSES', 'Cause', of('cause')],
  ['DIFFERENCES', 'Difference', of('known')], ['END_REASONS', 'EndReason', of('end_reason')], ['SEVERITIES', 'Severity', of('severity')],
  ['FINDINGS', 'FindingKind', of('finding_kind')], ['CHECK_RESULTS', 'CheckResult', of('check_result')],
  ['CLOCK_FITS', 'ClockFit', of('clock_fit')],
  ['BEYONDS', 'Beyond', of('beyond')], ['STANDINGS', 'Standing', of('standing')], ['ICMP_ERRORS', 'IcmpError', of('icmp_error')],
  ['TUNNEL_TYPES', 'TunnelType', of('tunnel_type')], ['POLL_EVENTS', 'PollEvent', of('poll_event')],
  ['DIRECTIONS', 'Direction', types.direction.schema.enum],
  ['SYSCTLS', 'Sysctl', of('sysctl')], ['RECORD_KINDS', 'Kind', ORDER],
];
const TAG_OF_LIST = { end: 'end', how: 'words:HOWS', witness: 'words:SOURCES' };
/** Where a reader can do with any word: one of a later version is passed on. */
const tag = (f) => (f.presence === 'needed' ? TAG_OF_LIST[f.type] : f.type === 'end' ? 'end' : undefined) ?? types[f.type]?.tag ?? 'str';

function shape(word) {
  const frame = word === 'header' || word === 'end';
  const own = kindOf(word).fields.filter((f) => f.key !== 'because');
  const because = kindOf(word).fields.find((f) => f.key === 'because') ?? { key: 'because', type: 'number', presence: 'where' };
  const fields = frame ? own : [...own, because];
  const part = (need) => fields.filter((f) => (f.presence === 'needed') === need)
    .map((f) => `${/^[a-z_]+$/.test(f.key) ? f.key : quote(f.key)}: ${quote(tag(f))}`);
  const braces = (items) => (items.length ? `{\n${wrapped(items, '      ')}\n    }` : '{}');
  return `  ${word}: {\n    need: ${braces(part(true))},\n    may: ${braces(part(false))},\n  },`;
}

function wordsTs() {
  const out = ['// The words of a trace, made from include/tcplens/trace/ by `make vocabulary`: do not edit.', ''];
  for (const [name, type, items] of LISTS)
    out.push(`export const ${name} = [\n${wrapped(items.map(quote))}\n] as const;`, `export type ${type} = (typeof ${name})[number];`, '');
  out.push('/** The first four bytes of capture files. */',
    `export const CAPTURE_MAGICS = [\n${words.capture_magic.map((m) => `  [${m.bytes.join(', ')}], // ${m.meaning}`).join('\n')}\n] as const;`, '',
    '/** What a record of each kind says. */',
    `export const SAYS: Record<Kind, string> = {\n${ORDER.map((w) => `  ${w}: ${quote(kindOf(w).says)},`).join('\n')}\n};`, '',
    '/** What stands out where there is no finding: how long follows. */',
    `export const STANDS: Record<Standing, string> = {\n${words.standing.map((w) => `  ${quote(w.word)}: ${quote(w.meaning)},`).join('\n')}\n};`, '',
    '/** Fields that a reader cannot do without, and those that may be there; with what tells a value of theirs. */',
    `export const SHAPES: Record<Kind, { need: Record<string, string>; may: Record<string, string> }> = {\n${ORDER.map(shape).join('\n')}\n};`, '');
  return out.join('\n');
}

function edgesTs() {
  return ['// RFC 9293\'s transition table as src/tcp/fsm.c has it, made by `make vocabulary`: do not edit.',
    "import type { State } from './words';", '',
    'export interface Edge { from: State; input: string; to: State; label?: string }', '',
    '/** `label`: "event / action" of figure 5; absent where the figure draws no edge. */',
    'export const EDGES: readonly Edge[] = [',
    ...edges.map((e) => `  { from: ${quote(e.from)}, input: ${quote(e.input)}, to: ${quote(e.to)}${e.label ? `, label: ${quote(e.label)}` : ''} },`),
    '];', ''].join('\n');
}

// ---- all of them ------------------------------------------------------------------------------------------------------

const read = (name) => {
  try {
    return readFileSync(join(root, name), 'utf8');
  } catch {
    return '';
  }
};
const made = {
  'docs/trace.schema.json': schema(),
  'docs/trace-format.md': documentation(read('docs/trace-format.md')),
  'docs/limits.md': limitsMd(),
  'web/src/trace/words.ts': wordsTs(),
  'web/src/trace/edges.ts': edgesTs(),
};
let stale = 0;
for (const [name, text] of Object.entries(made)) {
  if (read(name) === text) continue;
  if (mode === '--check') console.error(`${name} is not what the vocabulary makes of it: run make vocabulary`);
  else writeFileSync(join(root, name), text);
  stale++;
}
if (mode === '--check') {
  console.log(`vocabulary: ${Object.keys(made).length - stale} of ${Object.keys(made).length} files are as made`);
  process.exitCode = stale ? 1 : 0;
}
