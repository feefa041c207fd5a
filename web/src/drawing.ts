// The measures of the ladder as a picture: of the page's own (export.ts), and of `tcplens convert --to svg`, for which
// drawing.mjs hands them to the program.

export const WIDTH = 1000;
export const RAIL = { client: 250, server: 750 };
/** Where the lanes of states begin, and how wide they are. */
export const LANE = { client: 130, server: 750 };
export const LANE_WIDTH = 120;
/** What the names of the ends take. */
export const HEAD = 64;
/** Rows of a picture: one of more would be too high to be looked at, or drawn. */
export const ROWS = 2000;
