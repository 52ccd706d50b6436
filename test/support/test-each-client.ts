import { test } from "bun:test";
import type { ClientKind } from "./client-kinds.ts";
import { needs } from "./open-clients.ts";

/** Declares a test for each kind, `%s` being its name. Those that this machine cannot run are skipped and say why. */
export function testEachClient<Kind extends ClientKind>(
  kinds: readonly Kind[],
  name: string,
  body: (kind: Kind) => Promise<void>,
): void {
  for (const kind of kinds)
    test.skipIf(kind.lacks !== undefined)(`${name.replace("%s", kind.name)}${needs(kind)}`, () => body(kind));
}
