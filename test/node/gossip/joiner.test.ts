import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { Joiner } from "../../../src/node/gossip/joiner.ts";
import { until } from "../../support/until.ts";

interface World {
  readonly joiner: Joiner;
  /** Joins that have begun and not ended, by endpoint. */
  readonly running: Map<string, number>;
  /** All joins that have begun. */
  readonly begun: string[];
  end(endpoint: string, members: number, error?: string): void;
}

const names: Readonly<Record<string, readonly string[]>> = {
  ledger: ["10.0.0.1", "10.0.0.2"],
  self: ["10.0.0.9"],
  both: ["10.0.0.9", "10.0.0.3"],
  many: Array.from({ length: limits.gossipSeedsMax + 10 }, (_, index) => `10.1.${index >> 8}.${index & 255}`),
};

function world(join?: () => void): World {
  const running = new Map<string, number>();
  const begun: string[] = [];
  const joiner: Joiner = new Joiner({
    join: (to, request) => {
      join?.();
      running.set(formatEndpoint(to), request);
      begun.push(formatEndpoint(to));
    },
    isOwn: (endpoint) => formatEndpoint(endpoint) === "10.0.0.9:7946",
    lookup: async (host) => names[host] ?? (await Promise.reject(new Error("ENOTFOUND"))),
  });
  const end = (endpoint: string, members: number, error?: string): void => {
    const request = running.get(endpoint);
    if (request === undefined) throw new Error(`${endpoint} is not being joined`);
    running.delete(endpoint);
    joiner.ended({ kind: "join-ended", request, error, members });
  };
  return { joiner, running, begun, end };
}

const { signal } = new AbortController();

describe("Joiner", () => {
  test("joins every address of a name, and tells of the one that knew most", async () => {
    const { joiner, running, end } = world();
    const joining = joiner.join(["ledger", "10.0.0.5:1"], signal);
    await until("three joins", () => running.size === 3);
    end("10.0.0.2:7946", 4);
    end("10.0.0.1:7946", 3);
    end("10.0.0.5:1", 0, "no answer");
    expect(await joining).toEqual([
      { address: "ledger", members: 4, error: undefined },
      { address: "10.0.0.5:1", members: 0, error: "no answer" },
    ]);
  });

  test("counts a name as joined if one of its addresses is", async () => {
    const { joiner, running, end } = world();
    const joining = joiner.join(["ledger"], signal);
    await until("two joins", () => running.size === 2);
    end("10.0.0.1:7946", 0, "refused");
    end("10.0.0.2:7946", 2);
    expect(await joining).toEqual([{ address: "ledger", members: 2, error: undefined }]);
  });

  test("joins an address once however often it is named", async () => {
    const { joiner, begun, running, end } = world();
    const joining = joiner.join(["10.0.0.1", "ledger", "10.0.0.1:7946"], signal);
    await until("two joins", () => running.size === 2);
    end("10.0.0.1:7946", 2);
    end("10.0.0.2:7946", 0, "refused");
    expect((await joining).map(({ members }) => members)).toEqual([2, 2, 2]);
    expect(begun.length).toBe(2);
  });

  test("does not join itself", async () => {
    const { joiner, begun, running, end } = world();
    const joining = joiner.join(["self", "both"], signal);
    await until("one join", () => running.size === 1);
    end("10.0.0.3:7946", 1);
    expect(await joining).toEqual([
      { address: "self", members: 0, error: "it is the address of this node" },
      { address: "both", members: 1, error: undefined },
    ]);
    expect(begun).toEqual(["10.0.0.3:7946"]);
  });

  test("says what is wrong with an address, and joins the others", async () => {
    const { joiner, running, end } = world();
    const joining = joiner.join(["host:0", "missing", "10.0.0.1"], signal);
    await until("one join", () => running.size === 1);
    end("10.0.0.1:7946", 1);
    expect(await joining).toEqual([
      { address: "host:0", members: 0, error: expect.stringMatching(/HOST:PORT/) },
      { address: "missing", members: 0, error: expect.stringMatching(/ENOTFOUND/) },
      { address: "10.0.0.1", members: 1, error: undefined },
    ]);
  });

  test("joins a few at a time, and no more than a bound", async () => {
    const { joiner, begun, running, end } = world();
    const joining = joiner.join(["many", "10.2.0.1"], signal);
    let most = 0;
    while (begun.length < limits.gossipSeedsMax || running.size > 0) {
      const [endpoint = ""] = await until("the next join", () => running.size > 0 && [...running.keys()]);
      most = Math.max(most, running.size);
      end(endpoint, 1);
    }
    expect(await joining).toEqual([
      { address: "many", members: 1, error: undefined },
      { address: "10.2.0.1", members: 0, error: "more than 256 addresses at once" },
    ]);
    expect([most, begun.length]).toEqual([limits.gossipJoinsMax, limits.gossipSeedsMax]);
  });

  test("ends when it is cancelled; what comes later is nobody's", async () => {
    const { joiner, running, end } = world();
    const abort = new AbortController();
    const joining = joiner.join(["ledger"], abort.signal);
    await until("two joins", () => running.size === 2);
    abort.abort();
    expect(await joining).toEqual([{ address: "ledger", members: 0, error: "it was cancelled" }]);
    end("10.0.0.1:7946", 3);
    expect(await joiner.join(["ledger"], abort.signal)).toEqual([
      { address: "ledger", members: 0, error: "it was cancelled" },
    ]);
  });

  test("ends when gossip does, and does not begin again", async () => {
    const { joiner, begun, running } = world();
    const joining = joiner.join(["ledger"], signal);
    await until("two joins", () => running.size === 2);
    joiner.stop("gossip has stopped");
    expect(await joining).toEqual([{ address: "ledger", members: 0, error: "gossip has stopped" }]);
    expect(await joiner.join(["ledger"], signal)).toEqual([
      { address: "ledger", members: 0, error: "gossip has stopped" },
    ]);
    expect(begun.length).toBe(2);
  });

  test("tells what the machine refuses", async () => {
    const { joiner } = world(() => {
      throw new LedgerError("UNAVAILABLE", "not now", { reason: "GOSSIP_STOPPED" });
    });
    expect(await joiner.join(["10.0.0.1"], signal)).toEqual([
      { address: "10.0.0.1", members: 0, error: "not now" },
    ]);
  });
});
