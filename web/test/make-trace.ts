// Writes a trace to standard output:
//   npm run -s make-trace -- [--connections N] [--scene all|demo|long|hostile] [--events N] > FILE

import { makeTrace, type Options } from './scenes';

const arg = (name: string) => {
  const i = process.argv.indexOf(`--${name}`);
  return i < 0 ? undefined : process.argv[i + 1];
};
const o: Options = {};
if (arg('connections')) o.connections = Number(arg('connections'));
if (arg('events')) o.events = Number(arg('events'));
if (arg('scene')) o.scene = arg('scene')!;
process.stdout.write(makeTrace(o));
