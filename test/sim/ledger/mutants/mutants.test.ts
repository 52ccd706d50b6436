import { describe, expect, test } from "bun:test";
import { mutants } from "./mutants.ts";

const seeds = 80;
const limitMs = 240_000;

/** Two at a time. */
const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];

interface Found {
  readonly seeds: number;
  readonly found: Readonly<Record<string, number>>;
}

describe("simulation finds what breaks without the rule", () => {
  test.concurrent.each(mutants)(
    "$rule ($name)",
    async ({ name, finds }) => {
      const { found } = await inLane(
        mutants.findIndex((mutant) => mutant.name === name),
        () => run(name),
      );
      expect(Object.keys(found).filter((kind) => finds.includes(kind))).not.toEqual([]);
    },
    limitMs,
  );
});

function inLane<Result>(index: number, task: () => Promise<Result>): Promise<Result> {
  const lane = index % lanes.length;
  const result = (lanes[lane] ?? Promise.resolve()).then(task);
  lanes[lane] = result.catch(() => {});
  return result;
}

async function run(name: string): Promise<Found> {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/run.ts`, name, String(seeds)], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ exitCode: await child.exited, complaints }).toEqual({ exitCode: 0, complaints: "" });
  return JSON.parse(output) as Found;
}
