import { describe, expect, test } from "bun:test";
import { limits } from "../../src/core/limits.ts";
import type { LogLevel } from "../../src/core/log.ts";
import { lineOutput } from "../../src/node/line-output.ts";
import { createLog, type LogOptions, logStyle } from "../../src/node/log.ts";

function logTo(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  return { lines, log: createLog({ level: "info", format: "json", colour: false, write, ...options }) };
}

/** Returns the only line as data, without its time. */
function fieldsOf(lines: readonly string[]): Record<string, unknown> {
  expect(lines).toHaveLength(1);
  const { time, ...rest } = JSON.parse(lines[0] ?? "");
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return rest;
}

describe("createLog()", () => {
  test("writes one JSON object a line with time, level, message and the fields", () => {
    const { lines, log } = logTo();
    log.info("listening on {port}", { port: 8080, host: "127.0.0.1", nothing: undefined });
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(fieldsOf(lines)).toEqual({
      level: "info",
      message: "listening on {port}",
      port: 8080,
      host: "127.0.0.1",
    });
  });

  const levels: LogLevel[] = ["debug", "info", "warn", "error"];
  for (const [index, level] of levels.entries()) {
    test(`writes ${level} and above at level ${level}`, () => {
      const { lines, log } = logTo({ level });
      for (const each of levels) log[each]("x");
      expect(lines.map((line) => JSON.parse(line).level)).toEqual(levels.slice(index));
      expect(levels.filter((each) => log.isEnabled(each))).toEqual(levels.slice(index));
    });
  }

  test("child() adds its fields to every line; a line's own fields win", () => {
    const { lines, log } = logTo();
    log.child({ part: "store", try: 1 }).child({ try: 2 }).warn("slow", { try: 3, ms: 5n });
    expect(fieldsOf(lines)).toEqual({ level: "warn", message: "slow", part: "store", try: 3, ms: "5" });
  });

  test("fields cannot replace time, level and message", () => {
    const { lines, log } = logTo();
    log.error("real", { time: "x", level: "x", message: "x" });
    expect(fieldsOf(lines)).toEqual({ level: "error", message: "real" });
  });

  test("an error is its name, message, code and cause, with a stack at debug only", () => {
    const error = Object.assign(new TypeError("outer", { cause: new Error("inner") }), { code: "EPIPE" });
    const plain = {
      name: "TypeError",
      message: "outer",
      code: "EPIPE",
      cause: { name: "Error", message: "inner" },
    };
    const info = logTo();
    info.log.info("x", { error });
    expect(fieldsOf(info.lines)).toEqual({ level: "info", message: "x", error: plain });
    const debug = logTo({ level: "debug" });
    debug.log.info("x", { error });
    expect(fieldsOf(debug.lines)).toMatchObject({
      error: { ...plain, stack: expect.stringContaining("log.test.ts") },
    });
  });

  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const trap = {
    get bad(): never {
      throw new Error("no");
    },
  };
  const values: [string, unknown, unknown][] = [
    ["bytes", new Uint8Array(7), "<7 bytes>"],
    ["not a number", Number.NaN, "NaN"],
    ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
    ["a symbol", Symbol("x"), "Symbol(x)"],
    ["null", null, null],
    ["a list", [1, [2n]], [1, ["2"]]],
    ["a cycle", cycle, { self: { self: { self: { self: { self: "…" } } } } }],
    ["a getter that throws", trap, "<unreadable>"],
    ["long text", "x".repeat(limits.logTextMax + 1), `${"x".repeat(limits.logTextMax)}…`],
    ["a long list", Array(1000).fill(0), Array(limits.logListMax).fill(0)],
  ];
  for (const [name, value, expected] of values) {
    test(`writes ${name} as JSON can hold it`, () => {
      const { lines, log } = logTo();
      log.info("x", { value });
      expect(fieldsOf(lines)["value"]).toEqual(expected);
    });
  }

  test("does not throw if the output does", () => {
    const { log } = logTo({
      write: () => {
        throw new Error("closed");
      },
    });
    expect(() => log.error("x")).not.toThrow();
  });

  test("writes text lines for people", () => {
    const { lines, log } = logTo({ format: "text" });
    log.warn("disk is slow", { ms: 5, path: "./data", note: "two words", error: new Error("no space") });
    expect(lines[0]?.slice("2026-01-01T00:00:00.000Z".length)).toBe(
      ' warn  disk is slow ms=5 path=./data note="two words" error="Error: no space"\n',
    );
  });

  test("text lines hold no control characters but their own colours", () => {
    const { lines, log } = logTo({ format: "text", colour: true });
    log.info("a\x1b[2Jb", { "na\nme": "x\x1b]0;title\x07\n\u009b\u2028", error: new Error("one\ntwo") });
    expect(lines[0]).toContain("\x1b[32minfo \x1b[0m");
    expect(lines[0]?.slice(0, -1).replaceAll(/\x1b\[\d+m/g, "")).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  });

  test("text lines have stacks on lines of their own at debug", () => {
    const { lines, log } = logTo({ format: "text", level: "debug" });
    log.info("x", { error: new Error("boom") });
    expect(lines[0]?.split("\n").length).toBeGreaterThan(3);
    expect(lines[0]).toContain("log.test.ts");
  });
});

describe("logStyle()", () => {
  const auto = "auto" as const;
  const cases = [
    [
      { format: auto, isTerminal: true, noColor: undefined },
      { format: "text", colour: true },
    ],
    [
      { format: auto, isTerminal: true, noColor: "" },
      { format: "text", colour: true },
    ],
    [
      { format: auto, isTerminal: true, noColor: "1" },
      { format: "text", colour: false },
    ],
    [
      { format: auto, isTerminal: false, noColor: undefined },
      { format: "json", colour: false },
    ],
    [
      { format: "text" as const, isTerminal: false, noColor: undefined },
      { format: "text", colour: false },
    ],
    [
      { format: "json" as const, isTerminal: true, noColor: undefined },
      { format: "json", colour: false },
    ],
  ] as const;
  for (const [options, expected] of cases) {
    test(`gives ${JSON.stringify(expected)} for ${JSON.stringify(options)}`, () => {
      expect(logStyle(options)).toEqual(expected);
    });
  }
});

describe("lineOutput()", () => {
  test("drops lines while the reader is too slow and says how many", async () => {
    const written: string[] = [];
    const flush = Promise.withResolvers<number>();
    let isSlow = true;
    const put = lineOutput(
      { write: (text) => written.push(text), flush: () => (isSlow ? flush.promise : 0) },
      (count) => `dropped ${count}\n`,
    );
    const line = `${"x".repeat(limits.logPendingBytesMax / 4 - 1)}\n`;
    for (let i = 0; i < 7; i += 1) put(line);
    expect(written).toHaveLength(4);
    isSlow = false;
    flush.resolve(0);
    await flush.promise;
    put("next\n");
    expect(written.slice(4)).toEqual(["dropped 3\n", "next\n"]);
    put("last\n");
    expect(written.at(-1)).toBe("last\n");
    expect(written).toHaveLength(7);
  });

  test("survives a reader that has closed, at once or later", async () => {
    const closed = () => {
      throw new Error("EPIPE");
    };
    expect(() => lineOutput({ write: closed, flush: closed }, String)("x\n")).not.toThrow();
    const rejecting = () => Promise.reject(new Error("EPIPE"));
    const put = lineOutput({ write: rejecting, flush: rejecting }, String);
    for (let i = 0; i < 3; i += 1) put("x".repeat(limits.logPendingBytesMax));
    await Bun.sleep(0);
    expect(() => put("x\n")).not.toThrow();
  });

  // The files of this test are closed by the child's exit.
  const cases = [
    ["is closed", 'exec "$0" -e "$1" 2>&-'],
    ["is a pipe that nobody reads any more", '"$0" -e "$1" 2> >(exec sleep 0)'],
  ] as const;
  for (const [name, command] of cases) {
    test(`a process goes on when its standard error ${name}`, async () => {
      const output = import.meta.resolve("../../src/node/line-output.ts").slice("file://".length);
      const script = `
        import { lineOutput } from ${JSON.stringify(output)};
        const put = lineOutput(Bun.stderr.writer(), String);
        for (let i = 0; i < 200; i += 1) { put("x".repeat(1023) + "\\n"); await Bun.sleep(0); }
        console.log("alive");
      `;
      const child = Bun.spawn(["bash", "-c", command, process.execPath, script], {
        stdout: "pipe",
        stderr: "pipe",
      });
      expect(await new Response(child.stdout).text()).toBe("alive\n");
      expect(await child.exited).toBe(0);
    });
  }
});
