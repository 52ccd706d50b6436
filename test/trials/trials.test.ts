/**
 * Clusters of the built executable under faults, in a short form: each scenario once. Scenarios that need network
 * namespaces, or the right to mount, are skipped by name where there are none. `bun scripts/trials.ts` runs them longer.
 *
 * @module
 */

import { expect, test } from "bun:test";
import type { Verdict } from "../../scripts/trials/run-scenario.ts";
import { scenarios } from "../../scripts/trials/scenarios/all.ts";
import { abilitiesOf } from "../../scripts/trials/world/abilities.ts";
import { sandboxLacks } from "../../scripts/trials/world/sandbox.ts";
import { bun, projectRoot } from "../../scripts/steps/project.ts";
import { canMount } from "../store/tmpfs.ts";
import { builtExecutable } from "../support/built-executable.ts";

const timeoutMs = 180_000;
const lacksNamespaces = sandboxLacks();
const { replicates } = await abilitiesOf(await builtExecutable());

for (const { name, what, needs, nodes } of scenarios) {
  const lacks =
    needs === "small disk"
      ? lacksNamespaces !== undefined && !canMount
      : needs !== undefined &&
        (lacksNamespaces !== undefined || (needs === "slow links" && !Bun.which("gcc")));
  const hasNoCopies = nodes !== 1 && !replicates;
  const needed = [...(needs === undefined ? [] : [needs]), ...(hasNoCopies ? ["copies on other nodes"] : [])];
  test.skipIf(lacks || hasNoCopies)(
    `${name}: ${what}${needed.length === 0 ? "" : ` (needs ${needed.join(", ")})`}`,
    async () => {
      const { counts, violations } = await shortTrial(name);
      expect(violations).toEqual([]);
      expect(counts?.acknowledged ?? 0).toBeGreaterThan(50);
    },
    timeoutMs,
  );
}

/** Runs a scenario with little load in a process that is killed if it does not end. */
async function shortTrial(name: string): Promise<Verdict> {
  const server = await builtExecutable();
  const short = ["--pace", "1", "--settle", "30", "--json"];
  const child = Bun.spawn([bun, "scripts/trials.ts", name, "--server", server, ...short], {
    ...{ cwd: projectRoot, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs - 10_000 },
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const line = out.split("\n").find((each) => each.startsWith("{"));
  if (line === undefined) throw new Error(`The trial gave no verdict:\n${err}`);
  return JSON.parse(line) as Verdict;
}
