import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { resolveEndpoints } from "../../../src/node/gossip/resolve.ts";

async function resolved(host: string, found: readonly string[]): Promise<string[]> {
  return (await resolveEndpoints({ host, port: 7 }, async () => found)).map(formatEndpoint);
}

describe("resolveEndpoints()", () => {
  test("asks nobody about addresses", async () => {
    const never = async (): Promise<never> => await Promise.reject(new Error("asked"));
    expect((await resolveEndpoints({ host: "::ffff:10.0.0.1", port: 7 }, never)).map(formatEndpoint)).toEqual(
      ["10.0.0.1:7"],
    );
  });

  test("gives every address of a name once", async () => {
    expect(
      await resolved("ledger", ["10.0.0.1", "fd00::2", "10.0.0.2", "10.0.0.1", "::ffff:10.0.0.2", "rubbish"]),
    ).toEqual(["10.0.0.1:7", "[fd00::2]:7", "10.0.0.2:7"]);
  });

  test("finds localhost with the resolver of this machine", async () => {
    const found = (await resolveEndpoints({ host: "localhost", port: 7 })).map(formatEndpoint);
    expect(found.filter((text) => text !== "127.0.0.1:7" && text !== "[::1]:7")).toEqual([]);
    expect(found).not.toEqual([]);
  });

  const unknown = expect.objectContaining({
    constructor: LedgerError,
    code: "UNAVAILABLE",
    message: expect.stringContaining('"ledger.invalid"'),
    facts: expect.objectContaining({ reason: "JOIN_ADDRESS_UNKNOWN", value: "ledger.invalid" }),
  });

  test("says that a name is not known", async () => {
    await expect(resolved("ledger.invalid", [])).rejects.toEqual(unknown);
    await expect(
      resolveEndpoints({ host: "ledger.invalid", port: 7 }, async () => [], " of --gossip"),
    ).rejects.toThrow('Cannot find the host "ledger.invalid" of --gossip: it has no address');
    await expect(
      resolveEndpoints(
        { host: "ledger.invalid", port: 7 },
        async () => await Promise.reject(new Error("ENOTFOUND")),
      ),
    ).rejects.toEqual(unknown);
  });

  test("asks the resolver of this machine, which knows no .invalid", async () => {
    // https://www.rfc-editor.org/rfc/rfc6761#section-6.4
    await expect(resolveEndpoints({ host: "ledger.invalid", port: 7 })).rejects.toEqual(unknown);
  }, 10_000);
});
