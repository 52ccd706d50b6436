import { expect, test } from "bun:test";
import { resolveConfig, type Scope } from "../../src/config.ts";
import { settingsTable } from "./settings-table.ts";

const page = await Bun.file(new URL("../../docs/configuration.md", import.meta.url)).text();

for (const scope of ["server", "client"] satisfies Scope[]) {
  test(`docs/configuration.md has the table of the ${scope}'s settings`, () => {
    const after = page.slice(page.indexOf(`<!-- settings of the ${scope} -->\n`));
    const start = after.indexOf("|");
    const table = after.slice(start, after.indexOf("\n\n", start) + 1);
    expect(unpadded(table)).toBe(unpadded(settingsTable(scope)));
  });
}

test("docs/configuration.md has a settings file that works", () => {
  const [, text] = /```toml\n(.*?)```/s.exec(page) ?? [];
  expect(text).toContain("data = ");
  const file = { path: "ledger.toml", text: text ?? "" };
  const { settings } = resolveConfig("server", { flags: {}, env: {}, file });
  expect(settings.filter(({ from }) => from === "file").length).toBeGreaterThan(3);
});

/** The formatter pads the cells of a table. */
function unpadded(table: string): string {
  return table.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---");
}
