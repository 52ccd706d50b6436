import { describe, expect, test } from "bun:test";
import { checkNobodyHas } from "../../../src/node/replication/new-context.ts";
import { FakeParts } from "./fake-parts.ts";

describe("checkNobodyHas()", () => {
  test.each([
    ["majority", ["d"], false],
    ["majority", ["c", "d"], true],
    ["all", ["d"], false],
    // What all three had may be on these two, and on one that has left.
    ["all", ["c", "d"], true],
    ["1", ["b", "c", "d"], false],
  ] as const)("with %s and %j dead refuses: %s", (writeCopies, dead, isRefused) => {
    const fake = new FakeParts(writeCopies);
    for (const nodeId of dead) fake.dead.add(nodeId);
    const check = (): void => checkNobodyHas(fake.parts, "x", dead);
    if (isRefused)
      expect(check).toThrow(`do not answer, and it is not begun without them: ${dead.join(", ")}`);
    else expect(check).not.toThrow();
  });

  test("refuses if one that is alive does not answer", () => {
    expect(() => checkNobodyHas(new FakeParts().parts, "x", ["d"])).toThrow(
      "it is not begun without them: d",
    );
  });
});
