import { readdir, stat } from "node:fs/promises";
import { projectRoot } from "./project.ts";

/** What the executable is made of. */
const sources = ["src", "proto", "wasm", "package.json", "bun.lock", "scripts/build.ts", "scripts/wasm.ts"];

/** Tells whether `file` is newer than everything the executable is made of. */
export async function isFresh(file: string): Promise<boolean> {
  const built = await stat(file).catch(() => undefined);
  if (built === undefined) return false;
  const changed = await Promise.all(sources.map((source) => newest(`${projectRoot}/${source}`)));
  return Math.max(...changed) < built.mtimeMs;
}

/** Folders count too: their times show what was removed. */
async function newest(path: string): Promise<number> {
  const { mtimeMs } = await stat(path);
  const paths = await readdir(path, { recursive: true }).catch(() => []);
  const times = await Promise.all(paths.map(async (inner) => (await stat(`${path}/${inner}`)).mtimeMs));
  return times.reduce((latest, time) => Math.max(latest, time), mtimeMs);
}
