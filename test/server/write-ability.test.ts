import { expect, test } from "bun:test";
import { WriteAbility } from "../../src/server/write-ability.ts";

test("WriteAbility is gone when a commit fails, and back when one succeeds, not when that is forgotten", () => {
  const world: { trouble: unknown; damaged: number } = { trouble: undefined, damaged: 0 };
  const ability = new WriteAbility({ trouble: () => world.trouble, damaged: () => world.damaged });
  expect(ability.isAble).toBe(true);
  world.trouble = "full";
  expect(ability.isAble).toBe(false);
  world.trouble = undefined;
  expect(ability.isAble).toBe(false);
  ability.committed();
  expect(ability.isAble).toBe(true);
});

test("WriteAbility is gone while something is damaged", () => {
  const world = { damaged: 1 };
  const ability = new WriteAbility({ trouble: () => undefined, damaged: () => world.damaged });
  ability.committed();
  expect(ability.isAble).toBe(false);
  world.damaged = 0;
  expect(ability.isAble).toBe(true);
});
