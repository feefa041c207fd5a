// What tcplens is made of and runs with, as SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/):
//     node spdx.mjs VERSION ENGINE LIBRARY... >tcplens.spdx.json
// ENGINE 1: the page has its engine. LIBRARY: pkg-config's name. The same parts give the same bytes; SOURCE_DATE_EPOCH is its time.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [version, engine, ...libraries] = process.argv.slice(2);
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const UNKNOWN = 'NOASSERTION';

/** What a command prints; undefined where it is not there, or has no answer. */
function said(command, ...options) {
  try {
    return execFileSync(command, options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
  } catch {
    return undefined;
  }
}

const packaged = (name) => said('dpkg-query', '--show', '--showformat=${Version}', name);

function part(name, versionInfo, license, { purl, integrity } = {}) {
  const [algorithm, digest] = integrity?.split('-') ?? [];
  return {
    SPDXID: `SPDXRef-${name.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^-/, '')}`, name, versionInfo,
    downloadLocation: UNKNOWN, filesAnalyzed: false, licenseConcluded: UNKNOWN, licenseDeclared: license, copyrightText: UNKNOWN,
    ...(integrity && { checksums: [{ algorithm: algorithm.toUpperCase(), checksumValue: Buffer.from(digest, 'base64').toString('hex') }] }),
    ...(purl && { externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }] }),
  };
}

/** The packages of npm that the page is bundled of, or with: those that package-lock.json has for use, or what makes it. */
function npmParts(wanted) {
  const { packages } = JSON.parse(readFileSync(join(root, 'web/package-lock.json'), 'utf8'));
  return Object.entries(packages).flatMap(([path, p]) => {
    const name = path.replace(/^.*node_modules\//, '');
    return path && wanted(name, p)
      ? [part(name, p.version, p.license ?? UNKNOWN, { purl: `pkg:npm/${name.replace('@', '%40')}@${p.version}`, integrity: p.integrity })] : [];
  });
}

const product = part('tcplens', version, 'BSD-2-Clause');
const contained = [
  ...npmParts((_, p) => !p.dev),
  ...(engine === '1' ? [
    part('wasi-libc', packaged('wasi-libc'), 'MIT AND CC0-1.0'),
    part('compiler-rt', packaged('libclang-rt-dev-wasm32'), 'Apache-2.0 WITH LLVM-exception'),
  ] : []),
];
// As their own pages declare them; where one has a choice, all of it.
const LICENSES = {
  libbpf: 'LGPL-2.1-only OR BSD-2-Clause', libpcap: 'BSD-3-Clause', libcjson: 'MIT', libmicrohttpd: 'LGPL-2.1-or-later',
  libcap: 'BSD-3-Clause OR GPL-2.0-only', libseccomp: 'LGPL-2.1-only', zlib: 'Zlib', libnats: 'Apache-2.0',
  ncursesw: 'X11-distribute-modifications-variant',
};
const linked = libraries.map((name) => part(name, said('pkg-config', '--modversion', name), LICENSES[name] ?? UNKNOWN));
const tools = npmParts((name) => ['esbuild', '@gfx/zopfli'].includes(name));

const relation = (a, relationshipType, b) => ({ spdxElementId: a.SPDXID, relationshipType, relatedSpdxElement: b.SPDXID });
const document = {
  spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0', SPDXID: 'SPDXRef-DOCUMENT', name: `tcplens-${version}`,
  creationInfo: {
    created: new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000).toISOString().replace(/\.\d+/, ''),
    creators: [`Tool: tcplens-spdx-${version}`],
  },
  packages: [product, ...contained, ...linked, ...tools],
  relationships: [
    { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: product.SPDXID },
    ...contained.map((p) => relation(product, 'CONTAINS', p)),
    ...linked.map((p) => relation(product, 'DYNAMIC_LINK', p)),
    ...tools.map((p) => relation(p, 'BUILD_TOOL_OF', product)),
  ],
};
const digest = createHash('sha256').update(JSON.stringify(document)).digest('hex');
// a name-based identifier, so that the same document has the same (RFC 9562, version 8)
const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
console.log(JSON.stringify({ ...document, documentNamespace: `urn:uuid:${uuid}` }, null, 2));
