/**
 * Where everything is in the module's memory, which never grows. Both builds have the same layout.
 *
 * @module
 */

export const hashBytes: i32 = 32;
export const blockBytes: i32 = 64;

/** Hashes that the input takes at once, and messages of one batch. */
export const hashesMax: i32 = 4096;
export const inputBytes: i32 = hashesMax * hashBytes;

/** Levels of a frontier: one for each bit of a size that is an exact number of JavaScript. */
export const levelsMax: i32 = 53;

/** What stands before the input belongs to it too: `extend` puts the left sibling of its first hash there. */
export const input: usize = memory.data(inputBytes + hashBytes, 16) + hashBytes;
export const output: usize = memory.data(inputBytes, 16);
/** Where each message of a batch begins in the input, and where the last one ends. */
export const bounds: usize = memory.data((hashesMax + 1) * 4, 16);
/** The root of the perfect subtree of each level, if there is one. */
export const frontier: usize = memory.data(levelsMax * hashBytes, 16);
