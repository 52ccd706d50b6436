/** The faults themselves: what is cut is cut, what is healed is whole, and nothing stays behind. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { bun } from "../../../scripts/steps/project.ts";
import { capture } from "../../../scripts/steps/run.ts";
import { sandboxLacks } from "../../../scripts/trials/world/sandbox.ts";

setDefaultTimeout(60_000);

const all = ["0-1", "0-2", "1-0", "1-2", "2-0", "2-1"];

test.skipIf(sandboxLacks() !== undefined)(
  "links are cut in one direction or both, slow and lossy, and whole again (needs network namespaces)",
  async () => {
    const { exitCode, out, report } = await capture([bun, `${import.meta.dir}/namespace-network-child.ts`]);
    expect([exitCode, report]).toEqual([0, expect.any(String)]);
    const found = JSON.parse(out);
    expect(found).toMatchObject({
      whole: all,
      partition: ["1-2", "2-1"],
      healed: all,
      "one way": all.filter((pair) => pair !== "0-1"),
      mended: all,
      ...(Bun.which("gcc") === null ? {} : { slow: all }),
    });
    expect(found["fast ms"]).toBeLessThan(150);
    if (Bun.which("gcc") === null) return;
    expect(found["slow ms"]).toBeGreaterThanOrEqual(195);
    expect(found["lost of 200"]).toBeGreaterThan(60);
    expect(found["lost of 200"]).toBeLessThan(140);
  },
);

test.skipIf(sandboxLacks() !== undefined)(
  "a sandbox leaves no network namespace behind (needs network namespaces)",
  async () => {
    const { report } = await capture(["ip", "netns", "list"]);
    expect(report).not.toMatch(/^node-\d/m);
  },
);
