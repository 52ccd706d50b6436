/**
 * Lets clusters of the built executable go through faults, and decides from what a client saw whether they kept their promises:
 *
 *   bun scripts/trials.ts                        every scenario once
 *   bun scripts/trials.ts kill-home partition    these
 *
 * Each node is in a network namespace of its own, in a sandbox that ends with the command and leaves nothing behind. Where
 * there are none, nodes are on loopback addresses, and scenarios that need links are skipped by name. Ends with 1 if
 * anything was violated, 2 if it was called wrongly.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { executable } from "./steps/executable.ts";
import { runScenario, type TrialOptions, type Verdict } from "./trials/run-scenario.ts";
import { scenarios } from "./trials/scenarios/all.ts";
import type { WriteCopies } from "./trials/world/cluster.ts";
import { isInSandbox, runAgainInSandbox, sandboxLacks } from "./trials/world/sandbox.ts";

const help = `bun scripts/trials.ts [options] [scenario...]

${scenarios.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`).join("\n")}

  --rounds N              repeats each scenario with seeds that follow each other; default 1
  --seed N                of the first round; default 1
  --write-copies W        1, majority or all, where a scenario does not say; default majority
  --timing NAME           local or lan gossip; default local
  --pace SECONDS          load between two steps of a scenario; default 3
  --settle SECONDS        patience after healing; default 60
  --server FILE           default dist/converge-ledger
  --loopback              no network namespaces
  --keep DIR              keeps logs, data and histories of trials with violations there
  --json                  prints one verdict in JSON on each line`;

if (import.meta.main) process.exit(await main());

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Bun.argv.slice(2),
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      "write-copies": { type: "string", default: "majority" },
      timing: { type: "string", default: "local" },
      pace: { type: "string", default: "3" },
      settle: { type: "string", default: "60" },
      server: { type: "string", default: executable },
      loopback: { type: "boolean", default: false },
      keep: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (values.help || unknown.length > 0) {
    console.log(unknown.length > 0 ? `unknown scenario: ${unknown.join(" ")}\n\n${help}` : help);
    return values.help ? 0 : 2;
  }
  const wrong = !["1", "majority", "all"].includes(values["write-copies"]);
  if (wrong || !["local", "lan"].includes(values.timing)) {
    console.error(help);
    return 2;
  }
  if (!existsSync(values.server)) {
    console.error(`${values.server} is not there: run bun scripts/build.ts first`);
    return 2;
  }
  const lacks = values.loopback ? "--loopback was given" : sandboxLacks();
  if (!isInSandbox() && lacks === undefined) return await runAgainInSandbox();
  if (!isInSandbox()) console.error(`no network namespaces: ${lacks}; scenarios that need them are skipped`);

  const chosen = scenarios.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const verdicts: Verdict[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1)
    for (const scenario of chosen) {
      const options: TrialOptions = {
        executable: resolve(values.server),
        seed: Number(values.seed) + round,
        writeCopies: values["write-copies"] as WriteCopies,
        timing: values.timing as "local" | "lan",
        paceMs: Number(values.pace) * 1000,
        settleMs: Number(values.settle) * 1000,
        keep: values.keep === undefined ? undefined : resolve(values.keep),
        say: (text) => console.error(`  ${text}`),
      };
      console.error(`${scenario.name}, seed ${options.seed}: ${scenario.what}`);
      const verdict = await runScenario(scenario, options);
      verdicts.push(verdict);
      console.log(values.json ? JSON.stringify(verdict) : textOf(verdict));
    }
  const violated = verdicts.filter(({ violations }) => violations.length > 0).length;
  const skipped = verdicts.filter((verdict) => verdict.skipped !== undefined).length;
  console.error(`${verdicts.length} trials: ${violated} with violations, ${skipped} skipped`);
  return violated > 0 ? 1 : 0;
}

function textOf({ scenario, seed, skipped, counts, violations }: Verdict): string {
  if (skipped !== undefined) return `SKIP  ${scenario}: needs ${skipped}`;
  const numbers =
    counts === undefined
      ? ""
      : `: ${counts.acknowledged} of ${counts.sent} entries acknowledged, ${counts.unknown} unknown answers, ` +
        `${counts.events} events watched, ${counts.resets} resets, ${counts.reads} reads, ${counts.checkpoints} checkpoints, ${violations.length} violations`;
  const found = violations.map((violation) => `\n        ${violation}`).join("");
  return `${violations.length === 0 ? "ok    " : "FAIL  "}${scenario}, seed ${seed}${numbers}${found}`;
}
