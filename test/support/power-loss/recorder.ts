/**
 * Runs a program whose writes to one directory are recorded, so that a test can work out what a
 * power failure would have left. See `record-writes.c`.
 *
 * @module
 */

import { dlopen } from "bun:ffi";
import { join } from "node:path";

/** True where the recorder can be compiled and loaded. */
export const canRecord = process.platform === "linux" && Bun.which("gcc") !== null;

/** One call that changed, or asked to sync, a file; see `record-writes.c` for the operations. */
export interface DiskRecord {
  readonly operation: "O" | "W" | "T" | "B" | "E" | "U" | "R" | "M";
  readonly name: string;
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface RecordedRun {
  /** A directory for the compiled recorder and the records. */
  readonly scratch: string;
  /** The directory whose files are recorded. */
  readonly directory: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** A disk that says it has synced, and has not. */
  readonly fakeSync?: boolean;
}

/** Runs a program to its end and returns its records. Throws if it fails. */
export async function recordWrites(run: RecordedRun): Promise<DiskRecord[]> {
  const library = join(run.scratch, "record-writes.so");
  const source = join(import.meta.dir, "record-writes.c");
  const compiled = Bun.spawnSync([
    "gcc",
    "-shared",
    "-fPIC",
    "-O2",
    "-o",
    library,
    source,
    "-ldl",
    "-lpthread",
  ]);
  if (!compiled.success) throw new Error(compiled.stderr.toString());
  const records = join(run.scratch, "records");
  const child = Bun.spawn([...run.command], {
    env: {
      ...process.env,
      LD_PRELOAD: library,
      POWER_LOSS_DIRECTORY: run.directory,
      POWER_LOSS_RECORDS: records,
      ...(run.fakeSync === true ? { POWER_LOSS_FAKE_SYNC: "1" } : {}),
    },
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await child.exited) !== 0) throw new Error(`${run.command.join(" ")} failed`);
  return parseRecords(await Bun.file(records).bytes());
}

/** Returns a function for the recorded process that marks a promise in its records. */
export function openMarker(): (number: number) => void {
  const library = dlopen(process.env["LD_PRELOAD"] ?? "", {
    power_loss_mark: { args: ["u32"], returns: "void" },
  });
  return (number) => library.symbols.power_loss_mark(number);
}

function parseRecords(bytes: Uint8Array): DiskRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: DiskRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const operation = String.fromCharCode(view.getUint8(at)) as DiskRecord["operation"];
    const nameAt = at + 16;
    const dataAt = nameAt + view.getUint8(at + 1);
    const end = dataAt + view.getUint32(at + 4, true);
    records.push({
      operation,
      name: new TextDecoder().decode(bytes.subarray(nameAt, dataAt)),
      offset: Number(view.getBigUint64(at + 8, true)),
      data: bytes.subarray(dataAt, end),
    });
    at = end;
  }
  return records;
}
