// What the pages may weigh, in bytes; docs/viewer-budgets.md says what they do weigh.

const ENGINE = { plain: 160_000, gzip: 120_000 };

/** The page that reads traces alone. */
export const SMALL = { plain: 240_000, gzip: 90_000 };
/** The page with the engine that reads captures. */
export const BOTH = { plain: SMALL.plain + ENGINE.plain, gzip: SMALL.gzip + ENGINE.gzip };
