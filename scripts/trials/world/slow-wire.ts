import { join } from "node:path";
import { command } from "./command.ts";
import type { SlowLink } from "./network.ts";

/** A running slow-link.c. */
export interface SlowWire extends AsyncDisposable {
  readonly pid: number;
}

/** Compiles slow-link.c into a directory and returns the program. */
export async function buildSlowLink(directory: string): Promise<string> {
  const program = join(directory, "slow-link");
  await command("gcc", "-O2", "-Wall", "-o", program, join(import.meta.dir, "slow-link.c"));
  return program;
}

/** Connects two interfaces of this network namespace by a slow wire, until it is disposed of. */
export async function startSlowWire(
  program: string,
  [left, right]: readonly [string, string],
  { roundTripMs, lossPerMille }: SlowLink,
): Promise<SlowWire> {
  const delayUs = String(Math.round(roundTripMs * 500));
  const child = Bun.spawn([program, left, right, delayUs, String(lossPerMille), "1"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { value } = await child.stdout.getReader().read();
  if (value === undefined) throw new Error(`The slow wire between ${left} and ${right} did not start`);
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
