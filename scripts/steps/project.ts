import { resolve } from "node:path";

/** The root folder of the project. */
export const projectRoot = resolve(import.meta.dir, "../..");

/** The Bun that runs this script: it need not be on the PATH. */
export const bun = process.execPath;
