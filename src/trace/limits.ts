/** Limits of the format, each with its reason. */

/** Longest line and longest single event, in bytes: what one complaint or one window may have to hold. */
export const MAX_LINE = 1024 * 1024;

/** Deepest nesting: the depth of the stack is not for the input to choose. */
export const MAX_DEPTH = 64;

/** Largest window of zstd data, in bytes: it is held in memory, and zstd itself asks before it makes a larger one. */
export const MAX_ZSTD_WINDOW = 128 * 1024 * 1024;

/** Most address spaces of a trace: each model keeps about 12 KB for each. */
export const MAX_MMS = 65_536;
