import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Line } from "../line.ts";

/** What every row of the benchmark is given. */
export interface Bench {
  readonly scratch: string;
  /** The command that starts our server, without arguments. */
  readonly server: readonly string[];
  /** The command that starts another server to compare with, if one was named. */
  readonly other: readonly string[] | undefined;
  /** The built load generator. */
  readonly load: string;
  /** How often a pair of measurements is repeated. */
  readonly rounds: number;
  /** How long one measurement takes. */
  readonly seconds: number;
  /** How often the home of a cluster is killed, for each timing. */
  readonly failovers: number;
  /** Entries that a node that joins a cluster has to fetch. */
  readonly clusterEntries: number;
  log(text: string): void;
}

/** One or more lines of the table, measured together. */
export interface Row {
  readonly name: string;
  /** Programs that must be installed. */
  readonly needs: readonly string[];
  /** True if it takes so long that it runs only when it is named. */
  readonly onRequest?: boolean;
  run(bench: Bench): Promise<readonly Line[]>;
}

/** A new directory under the scratch directory, removed with the scope that asked for it. */
export async function scratchDirectory(
  { scratch }: Bench,
  name: string,
): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(scratch, `${name}-`));
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) };
}

let files = 0;

/** Writes bytes to a file of the scratch directory and returns its path. */
export async function scratchFile({ scratch }: Bench, bytes: Uint8Array | string): Promise<string> {
  const path = join(scratch, `file-${++files}`);
  await Bun.write(path, bytes);
  return path;
}
