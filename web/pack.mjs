// What the page holds packed: gzip, which every browser undoes, in base64, which cannot end an element.

import { gzip } from '@gfx/zopfli';

/** Zopfli's gzip: slow to make, 4 to 8 in 100 shorter than zlib's, undone as fast. */
export const pack = (bytes) => new Promise((done, fail) => {
  gzip(bytes, { numiterations: 15 }, (e, packed) => (e ? fail(e) : done(Buffer.from(packed))));
});

/** An element of the page that holds what is packed. */
export const element = (id, packed, encoding) =>
  `<script type="text/plain" id="${id}"${encoding ? ` data-encoding="${encoding}"` : ''}>${packed.toString('base64')}</script>`;
