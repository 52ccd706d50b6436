import { expect, test } from "bun:test";
import { noEpoch } from "../../../src/core/epoch.ts";
import type { ContextState } from "../../../src/ledger/context-state.ts";
import { LocalCopy } from "../../../src/node/replication/local-copy.ts";
import { FakeParts } from "./fake-parts.ts";
import { own, terms } from "./later-holders.ts";

test.each([
  ["one that was accepted", terms(["a", "b"]), true],
  ["one of other nodes", terms(["b", "c"]), false],
  ["one that is given up", { ...terms(["a", "b"]), leaving: true }, false],
  ["one of which there is a promise only", { ...terms(["a", "b"]), accepted: noEpoch, promised: own }, false],
])("LocalCopy counts, or does not: %s", (_, replica, isHolder) => {
  const state = { id: "x", shared: { replica } } as unknown as ContextState;
  expect(new LocalCopy(new FakeParts().parts, state).isHolder).toBe(isHolder);
});
