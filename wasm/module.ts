/** What the module offers. It imports nothing, and its memory never grows. */

export { bounds, frontier, hashesMax, input, inputBytes, output } from "./memory";
export { digests } from "./messages";
export { extend, level, pyramid } from "./tree";
