// What the viewer draws by, as a C header for src/convert/svg.c: node drawing.mjs > drawing.h
// Places and edges of the state machine, its glyphs, the measures of the ladder, the theme's colours: as they are in src/.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));

const { outputFiles: [bundle] } = await build({
  stdin: {
    resolveDir: join(here, 'src'),
    contents: `
      export * from './panels/machine-data';
      export * as ladder from './drawing';
      export { groupOf } from './trace/describe';
      export { edgeOf } from './trace/transitions';
      export { Glyph } from './glyph';
      export { kindOf } from './kinds';
      export { STATES, RECORD_KINDS } from './trace/words';`,
  },
  bundle: true, write: false, format: 'esm', platform: 'node', target: 'node18', jsx: 'automatic', jsxImportSource: 'preact',
});
const web = await import(`data:text/javascript;base64,${Buffer.from(bundle.contents).toString('base64')}`);

// ---- a drawing of the page as text

const svgOf = (node) => {
  if (node === null || node === undefined || typeof node === 'boolean') return '';
  if (Array.isArray(node)) return node.map(svgOf).join('');
  if (typeof node !== 'object') return String(node);
  const { children, ...props } = node.props;
  if (typeof node.type === 'function') return svgOf(node.type(node.props));
  const attributes = Object.entries(props).map(([k, v]) => ` ${k}="${v}"`).join('');
  return `<${node.type}${attributes}>${svgOf(children)}</${node.type}>`;
};
const glyphOf = (group) => svgOf(web.Glyph({ group }).props.children);

// ---- colours

const css = await readFile(join(here, 'src/theme.css'), 'utf8');
const variables = (selector) => {
  const at = css.indexOf(`${selector} {`);
  const block = css.slice(at, css.indexOf('}', at));
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]+);/g)].map((m) => [m[1], m[2]]));
};
const light = variables(':root');
const dark = { ...light, ...variables(':root[data-theme=dark]') };
const GROUPS = [...new Set(web.STATES.map((s) => web.groupOf(s)))];

const style = (c) => [
  `.page{fill:${c.panel}}text{fill:${c.text}}.soft{fill:${c.soft}}.bad{fill:${c.bad}}`,
  `.rail{stroke:${c.soft}}.wire{stroke:${c.text}}.wire.again{stroke:${c.bad}}.tip{fill:${c.text}}.tip.again{fill:${c.bad}}`,
  `.edge path,.off path{fill:none;stroke:${c.edge}}.edge text{fill:${c.soft};stroke:${c.panel}}.edge.trail text{fill:${c.text}}.arrow{fill:${c.edge}}`,
  `.edge path.client,.off path.client{stroke:${c.client}}.edge path.server,.off path.server{stroke:${c.server}}`,
  `.arrow.client{fill:${c.client}}.arrow.server{fill:${c.server}}`,
  `.token.client circle{fill:${c.client};stroke:${c.panel}}.token.client text{fill:${c.panel}}`,
  `.token.server circle{fill:${c.panel};stroke:${c.server}}.token.server text{fill:${c.server}}.box rect.under{fill:${c.panel}}`,
  ...GROUPS.map((g) => `.s-${g}{color:${c[g]}}.s-${g} rect.state{fill:${c[g]};stroke:${c[g]}}`),
].join('');

// ---- C

const text = (s) => JSON.stringify(s);
const state = (s) => `TCP_STATE_${s.replace(/-/g, '_')}`;
const own = web.STATES.filter((s) => s !== 'UNKNOWN');
const place = ([x, y]) => `{ ${x}, ${y} }`;
const define = (name, value) => `#define DRAWING_${name} ${value}`;
const { ladder } = web;

const edges = Object.entries(web.DRAWN).map(([key, { path, label: [x, y, anchor, oneLine] }]) => {
  const [from, to] = key.split('>');
  const { event, action } = web.edgeOf(from, to);
  // The RFC writes x where nothing is done.
  const did = action === 'x' ? [] : action.split(', ');
  const lines = oneLine ? [[event, ...did.length ? [did.join(', ')] : []].join(' / ')] : [event, ...did];
  return `    { ${state(from)}, ${state(to)}, ${text(path)}, { ${x}, ${y} }, ${text(anchor)}, { ${lines.map(text).join(', ')} } },`;
});
const off = own.flatMap((from) => own.flatMap((to) => {
  const way = web.offFigure(from, to);
  return way && from !== to ? [`    { ${state(from)}, ${state(to)}, ${text(way.path)}, { ${way.label.map(Math.round).join(', ')} }, "start", { "" } },`] : [];
}));

console.log(`/* NOLINTBEGIN */
/* Made by web/drawing.mjs of what the viewer draws by: do not edit. */
struct drawing_point { short x, y; };
struct drawing_edge { enum tcp_state from, to; const char *path; struct drawing_point label; const char *anchor, *lines[3]; };
${define('WIDTH', ladder.WIDTH)}
${define('RAILS', `{ ${ladder.RAIL.client}, ${ladder.RAIL.server} }`)}
${define('LANES', `{ ${ladder.LANE.client}, ${ladder.LANE.server} }`)}
${define('LANE_WIDTH', ladder.LANE_WIDTH)}
${define('HEAD', ladder.HEAD)}
${define('ROWS', ladder.ROWS)}
${define('VIEW_BOX', text(web.VIEW_BOX))}
${define('MACHINE_LEFT', web.VIEW_BOX.split(' ')[0])}
${define('MACHINE_WIDTH', web.VIEW_BOX.split(' ')[2])}
${define('MACHINE_HEIGHT', web.VIEW_BOX.split(' ')[3])}
${define('BOX_WIDTH', web.BOX.w)}
${define('BOX_HEIGHT', web.BOX.h)}
${define('CSS', text(`${style(light)}@media(prefers-color-scheme:dark){${style(dark)}}`))}
/* CLOSED stands twice: where an end begins, and (index 0) where it ends. */
static const struct drawing_point drawing_places[TCP_STATE_N] = {
    ${place(web.PLACES.END)},
${own.map((s) => `    [${state(s)}] = ${place(web.PLACES[s])},`).join('\n')}
};
static const struct drawing_edge drawing_edges[] = {
${edges.join('\n')}
};
/* Ways that the figure has no edge for. */
static const struct drawing_edge drawing_off[] = {
${off.join('\n')}
};
static const char *const drawing_groups[TCP_STATE_N] = {
${web.STATES.map((s) => `    [${state(s)}] = ${text(web.groupOf(s))},`).join('\n')}
};
static const char *const drawing_glyphs[TCP_STATE_N] = {
${web.STATES.map((s) => `    [${state(s)}] = ${text(glyphOf(web.groupOf(s)))},`).join('\n')}
};
static const short drawing_heights[CHANGE_KIND_N] = {
${web.RECORD_KINDS.filter((k) => k !== 'header' && k !== 'end').map((k) => `    [CHANGE_${k.toUpperCase()}] = ${web.kindOf({ record: k }).height},`).join('\n')}
};
/* NOLINTEND */`);
