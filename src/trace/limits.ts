/** Limits of the format, each with its reason. */

/** Longest line and longest single event, in bytes: what one complaint or one window may have to hold. */
export const MAX_LINE = 1024 * 1024;
