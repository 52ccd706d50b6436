import { afterEach, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { LedgerError } from "../../../src/core/errors.ts";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { GossipDriver } from "../../../src/node/gossip/gossip-driver.ts";
import type { GossipDriverOptions } from "../../../src/node/gossip/gossip-driver-options.ts";
import type { Effect } from "../../../src/swim/effect.ts";
import type { Endpoint } from "../../../src/swim/endpoint.ts";
import type { Input, Timer as SwimTimer } from "../../../src/swim/input.ts";
import { until, within } from "../../support/until.ts";
import { FakeMachine } from "./fake-machine.ts";
import { endpoint } from "./loopback.ts";

const drivers: GossipDriver[] = [];

interface Started {
  readonly driver: GossipDriver;
  readonly machine: FakeMachine;
  readonly heard: unknown[];
}

async function start(
  options: Partial<GossipDriverOptions> = {},
  react?: (input: Input) => readonly Effect[],
): Promise<Started> {
  const machine = new FakeMachine();
  if (react !== undefined) machine.react = react;
  const heard: unknown[] = [];
  const driver = await GossipDriver.start({
    gossip: { host: "127.0.0.1", port: 0 },
    advertise: undefined,
    streamTimeoutMs: 5000,
    createMachine: () => machine,
    onMember: ({ change, member }) => heard.push(`${change} ${member.name}`),
    onNotice: (notice) => heard.push(notice),
    onUserMessage: ({ bytes }) => heard.push(bytes),
    ...options,
  });
  drivers.push(driver);
  return { driver, machine, heard };
}

afterEach(async () => {
  await Promise.all(drivers.splice(0).map(async (driver) => await driver.stop()));
});

function timer(token: number): SwimTimer {
  return { kind: "gossip", id: 0, token };
}

function member(name: string, at: Endpoint, state: "alive" | "dead" = "alive"): Effect {
  const rest = { meta: new Uint8Array(), versions: new Uint8Array(), incarnation: 1, isSelf: false };
  return {
    kind: "member",
    change: state === "alive" ? "joined" : "died",
    member: { name, endpoint: at, state, ...rest },
  };
}

describe("GossipDriver", () => {
  test("starts the machine with what others are told, first of all and once", async () => {
    let told: Endpoint | undefined;
    const machine = new FakeMachine();
    const { driver } = await start({
      gossip: { host: "127.0.0.4", port: 0 },
      advertise: { host: "203.0.113.7", port: 0 },
      createMachine: (at) => {
        told = at;
        return machine;
      },
    });
    expect(told).toEqual(endpoint("203.0.113.7", driver.bound.port));
    expect(driver.endpoint).toEqual(endpoint("203.0.113.7", driver.bound.port));
    expect(formatEndpoint(driver.bound)).toMatch(/^127\.0\.0\.4:\d+$/);
    expect(machine.kinds()).toEqual(["start"]);
    expect(driver.receiveBufferBytes).toBeGreaterThan(0);
  });

  test("listens on the address of a name, IPv4 if it has one", async () => {
    const { driver } = await start({
      gossip: { host: "here", port: 0 },
      lookup: async () => ["::1", "127.0.0.6"],
    });
    expect(formatEndpoint(driver.bound)).toMatch(/^127\.0\.0\.6:/);
  });

  test("carries packets both ways", async () => {
    const one = await start();
    const other = await start({}, (input) =>
      input.kind === "packet" ? [{ kind: "send", to: input.from, bytes: Uint8Array.of(2, 2) }] : [],
    );
    one.machine.react = (input) =>
      input.kind === "broadcast" ? [{ kind: "send", to: other.driver.bound, bytes: input.bytes }] : [];
    one.driver.command({ kind: "broadcast", bytes: Uint8Array.of(1) });
    await until("the answer", () => one.machine.inputs("packet").length === 1);
    expect(other.machine.inputs("packet")).toEqual([
      { kind: "packet", from: one.driver.bound, bytes: Uint8Array.of(1) },
    ]);
    expect(one.machine.inputs("packet")).toEqual([
      { kind: "packet", from: other.driver.bound, bytes: Uint8Array.of(2, 2) },
    ]);
    expect(one.driver.counters).toMatchObject({ packetsOut: 1, bytesOut: 1, packetsIn: 1, bytesIn: 2 });
  });

  test("carries streams both ways", async () => {
    const server = await start({}, (input) =>
      input.kind === "stream-data"
        ? [
            { kind: "write-stream", stream: input.stream, bytes: Uint8Array.of(...input.bytes, 9) },
            { kind: "close-stream", stream: input.stream },
          ]
        : [],
    );
    const to = server.driver.bound;
    const client = await start({}, (input) =>
      input.kind === "broadcast"
        ? [{ kind: "open-stream", stream: 1, to, bytes: input.bytes, timeoutMs: 5000 }]
        : [],
    );
    client.driver.command({ kind: "broadcast", bytes: Uint8Array.of(1, 2) });
    await until("the end", () => client.machine.inputs("stream-ended").length === 1);
    expect(server.machine.kinds()).toEqual(["start", "stream-opened", "stream-data"]);
    expect(client.machine.seen.slice(2).map(({ input }) => input)).toEqual([
      { kind: "stream-data", stream: 1, bytes: Uint8Array.of(1, 2, 9) },
      { kind: "stream-ended", stream: 1, error: undefined },
    ]);
  });

  test("gives timers back in time, on a clock that never goes back", async () => {
    const { machine } = await start({}, (input) => {
      if (input.kind !== "start") return [];
      return [30, 10, 20].map((afterMs, token) => ({ kind: "set-timer", timer: timer(token), afterMs }));
    });
    await until("three timers", () => machine.inputs("timer").length === 3);
    expect(machine.inputs("timer").map((input) => input.timer.token)).toEqual([1, 2, 0]);
    const times = machine.seen.map(({ nowMs }) => nowMs);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect((times[3] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(30);
  });

  test("tells what the machine tells, in order", async () => {
    const { driver, machine, heard } = await start();
    const at = endpoint("127.0.0.1", 1);
    machine.react = () => [
      member("a", at),
      { kind: "user-message", bytes: Uint8Array.of(1), reliable: true },
      { kind: "notice", notice: { kind: "udp-unanswered", name: "a" } },
      member("a", at, "dead"),
    ];
    driver.command({ kind: "forget", name: "x" });
    expect(heard).toEqual(["joined a", Uint8Array.of(1), { kind: "udp-unanswered", name: "a" }, "died a"]);
  });

  test("does what a callback commands after what is still to be done", async () => {
    const at = endpoint("127.0.0.1", 1);
    const heard: string[] = [];
    const { driver, machine } = await start({
      onMember: ({ member: { name } }) => {
        heard.push(name);
        if (name === "first") driver.command({ kind: "forget", name: "nested" });
      },
    });
    machine.react = (input) => {
      if (input.kind !== "forget") return [];
      return input.name === "nested" ? [member("third", at)] : [member("first", at), member("second", at)];
    };
    driver.command({ kind: "forget", name: "outer" });
    expect(heard).toEqual(["first", "second", "third"]);
  });

  test("reports what the machine refuses to who commanded it, and goes on", async () => {
    const refusal = new LedgerError("NOT_FOUND", "no such member", { reason: "MEMBER_NOT_FOUND" });
    const { driver, machine } = await start({}, (input) => {
      if (input.kind === "forget") throw refusal;
      return [];
    });
    expect(() => driver.command({ kind: "forget", name: "x" })).toThrow(refusal);
    driver.command({ kind: "meta", meta: new Uint8Array() });
    expect(machine.kinds()).toEqual(["start", "forget", "meta"]);
  });

  test("joins, and tells how it went", async () => {
    const { driver } = await start({}, (input) => {
      if (input.kind !== "join") return [];
      const error = input.to.port === 1 ? undefined : "refused";
      return [{ kind: "join-ended", request: input.request, error, members: error === undefined ? 3 : 0 }];
    });
    const { signal } = new AbortController();
    const own = formatEndpoint(driver.bound);
    expect(await driver.join(["127.0.0.2:1", "127.0.0.2:2", own, "no such thing"], signal)).toEqual([
      { address: "127.0.0.2:1", members: 3, error: undefined },
      { address: "127.0.0.2:2", members: 0, error: "refused" },
      { address: own, members: 0, error: "it is the address of this node" },
      { address: "no such thing", members: 0, error: expect.stringContaining("no such thing") },
    ]);
  });

  test("knows itself by every address if it listens on all", async () => {
    const { driver, machine } = await start({
      gossip: { host: "0.0.0.0", port: 0 },
      advertise: { host: "203.0.113.7", port: 7000 },
    });
    const own = [`127.0.0.1:${driver.bound.port}`, `127.4.5.6:${driver.bound.port}`, "203.0.113.7:7000"];
    const outcomes = await driver.join(own, new AbortController().signal);
    expect(outcomes.map(({ error }) => error)).toEqual(
      Array.from({ length: 3 }, () => "it is the address of this node"),
    );
    expect(machine.inputs("join")).toEqual([]);
  });

  test("keeps trying seeds until one answers", async () => {
    let answers = false;
    const tried: unknown[] = [];
    const { driver, machine } = await start(
      {
        seedPace: { retryMsMin: 3, retryMsMax: 6, refreshMs: 10_000 },
        onSeedsTried: (outcomes) => tried.push(...outcomes),
      },
      (input) => {
        if (input.kind !== "join") return [];
        const error = answers ? undefined : "refused";
        return [{ kind: "join-ended", request: input.request, error, members: answers ? 2 : 0 }];
      },
    );
    driver.setSeeds(["127.0.0.2:5", formatEndpoint(driver.bound)]);
    await until("some tries", () => machine.inputs("join").length >= 3);
    answers = true;
    await until("a success", () =>
      Bun.deepEquals(tried.at(-2), { address: "127.0.0.2:5", members: 2, error: undefined }),
    );
    expect(machine.inputs("seeds")).toEqual([{ kind: "seeds", seeds: [endpoint("127.0.0.2", 5)] }]);
    expect(tried[0]).toEqual({ address: "127.0.0.2:5", members: 0, error: "refused" });
  });

  test("takes a seed that is a member for joined, until it is one no more", async () => {
    const at = endpoint("127.0.0.2", 5);
    let state: "alive" | "dead" = "alive";
    const { driver, machine } = await start(
      { seedPace: { retryMsMin: 3, retryMsMax: 6, refreshMs: 3 } },
      (input) => (input.kind === "forget" ? [member("a", at, state)] : []),
    );
    driver.command({ kind: "forget", name: "x" });
    driver.setSeeds(["127.0.0.2:5"]);
    await until("seeds", () => machine.inputs("seeds").length === 1);
    state = "dead";
    driver.command({ kind: "forget", name: "x" });
    driver.setSeeds(["127.0.0.2:5"]);
    await until("a join", () => machine.inputs("join").length === 1);
    expect(machine.inputs("seeds").length).toBe(2);
  });
});

describe("GossipDriver.depart()", () => {
  test.each(["leave", "stop"] as const)("waits until %s has gone round", async (kind) => {
    const { driver, machine } = await start({}, (input) => {
      if (input.kind === kind) return [{ kind: "set-timer", timer: timer(1), afterMs: 20 }];
      return input.kind === "timer" ? [{ kind: "departed" }] : [];
    });
    expect(await driver.depart(kind, 30_000)).toBe(true);
    expect(await driver.depart(kind, 30_000)).toBe(true);
    expect(machine.kinds()).toEqual(["start", kind, "timer", kind]);
  });

  test("does not wait for ever", async () => {
    const { driver } = await start();
    expect(await driver.depart("leave", 20)).toBe(false);
    const departing = driver.depart("leave", 30_000);
    await driver.stop();
    expect(await departing).toBe(false);
    expect(await driver.depart("stop", 30_000)).toBe(false);
  });
});

describe("GossipDriver.crashed", () => {
  const broken = new Error("broken");

  async function expectCrash(driver: GossipDriver, error: unknown = broken): Promise<void> {
    expect(await within("the crash", driver.crashed)).toEqual(error as Error);
    await driver.stop();
    const again = await start({ gossip: { host: "127.0.0.1", port: driver.bound.port } });
    expect(again.driver.bound.port).toBe(driver.bound.port);
  }

  async function send(to: Endpoint): Promise<void> {
    const socket = createSocket("udp4");
    await new Promise((resolve) => socket.send("x", to.port, "127.0.0.1", resolve));
    socket.close();
  }

  test("tells that a packet broke the machine", async () => {
    const { driver, machine } = await start({}, (input) => {
      if (input.kind === "packet") throw broken;
      return [];
    });
    await send(driver.bound);
    await expectCrash(driver);
    await send(driver.bound);
    expect(machine.kinds()).toEqual(["start", "packet"]);
  });

  test("tells that a timer broke the machine", async () => {
    const { driver } = await start({}, (input) => {
      if (input.kind === "timer") throw broken;
      return input.kind === "start" ? [{ kind: "set-timer", timer: timer(1), afterMs: 1 }] : [];
    });
    await expectCrash(driver);
  });

  test("tells that a command broke the machine, whose caller hears of it too", async () => {
    const { driver } = await start({}, (input) => {
      if (input.kind === "meta") throw broken;
      return [];
    });
    expect(() => driver.command({ kind: "meta", meta: new Uint8Array() })).toThrow(broken);
    await expectCrash(driver);
    expect(() => driver.command({ kind: "meta", meta: new Uint8Array() })).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        facts: expect.objectContaining({ reason: "GOSSIP_STOPPED" }),
      }),
    );
  });

  test("tells that a callback broke, and does nothing more", async () => {
    const at = endpoint("127.0.0.1", 9);
    let calls = 0;
    const { driver } = await start(
      {
        onMember: () => {
          calls += 1;
          throw broken;
        },
      },
      (input) => (input.kind === "start" ? [member("a", at), member("b", at)] : []),
    );
    await expectCrash(driver);
    expect(calls).toBe(1);
  });

  test("ends joins that wait", async () => {
    const { driver } = await start({}, (input) => {
      if (input.kind === "packet") throw broken;
      return [];
    });
    const joining = driver.join(["127.0.0.2:1"], new AbortController().signal);
    await send(driver.bound);
    expect(await joining).toEqual([{ address: "127.0.0.2:1", members: 0, error: "gossip has stopped" }]);
  });

  test("says nothing if it is stopped", async () => {
    const { driver } = await start();
    await Promise.all([driver.stop(), driver.stop()]);
    const state = await Promise.race([
      driver.crashed,
      new Promise((resolve) => setImmediate(resolve, "quiet")),
    ]);
    expect(state).toBe("quiet");
  });
});

describe("GossipDriver.start()", () => {
  async function isFree(port: number): Promise<boolean> {
    const server = createServer();
    return await new Promise((resolve) => {
      server.on("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
  }

  test("leaves nothing open if the machine cannot be made, or cannot start", async () => {
    let port = 0;
    const broken = new Error("broken");
    const createMachine = (at: Endpoint): never => {
      port = at.port;
      throw broken;
    };
    await expect(start({ createMachine })).rejects.toBe(broken);
    expect(await isFree(port)).toBe(true);
    const startless = start({}, () => {
      throw broken;
    });
    await expect(startless).rejects.toBe(broken);
  });

  test("says that its address is in use, or none", async () => {
    const { driver } = await start();
    await expect(start({ gossip: { host: "127.0.0.1", port: driver.bound.port } })).rejects.toMatchObject({
      facts: { reason: "GOSSIP_ADDRESS_IN_USE" },
    });
    const lookup = async (): Promise<never> => await Promise.reject(new Error("ENOTFOUND"));
    await expect(start({ gossip: { host: "missing", port: 0 }, lookup })).rejects.toMatchObject({
      facts: { reason: "JOIN_ADDRESS_UNKNOWN" },
    });
  });

  test("leaves nothing open if there is nothing to tell others", async () => {
    let made = 0;
    const createMachine = (): FakeMachine => {
      made += 1;
      return new FakeMachine();
    };
    const advertise = { host: "0.0.0.0", port: 1 };
    await expect(start({ advertise, createMachine })).rejects.toMatchObject({
      facts: { reason: "GOSSIP_ADVERTISE_INVALID" },
    });
    expect(made).toBe(0);
  });
});
