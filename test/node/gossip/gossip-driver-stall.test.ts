import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { join } from "node:path";
import { lines } from "../../support/lines.ts";
import { until } from "../../support/until.ts";

interface Line {
  readonly kind: string;
  readonly nowMs: number;
  readonly forMs?: number;
  readonly port?: number;
  readonly stalls?: number;
}

test("GossipDriver in a process that is stopped reads what came meanwhile before its timers ring", async () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "stalling-child.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const seen: Line[] = [];
  const reading = (async () => {
    for await (const line of lines(child.stdout)) seen.push(JSON.parse(line));
  })();
  const sender = createSocket("udp4");
  try {
    const port = await until("the port", () => seen.find(({ kind }) => kind === "listening")?.port);
    // A stream that is open before the stop, with a second to live, and one that is opened in it.
    const stream = connect(port, "127.0.0.1");
    stream.on("error", () => undefined);
    await until("the stream", () => seen.some(({ kind }) => kind === "stream-opened"));
    const ticks = (): number => seen.filter(({ kind }) => kind === "timer").length;
    await until("a tick", () => ticks() >= 1);
    child.kill("SIGSTOP");
    for (let index = 0; index < 20; index += 1) sender.send("x", port, "127.0.0.1");
    stream.write("x");
    const late = connect(port, "127.0.0.1");
    late.on("error", () => undefined);
    // This is the stall.
    await Bun.sleep(1600);
    const before = seen.length;
    const ticksBefore = ticks();
    child.kill("SIGCONT");
    await until("more ticks", () => ticks() >= ticksBefore + 2);
    await child.stdin.end();
    await Promise.all([reading, child.exited]);

    const after = seen.slice(before).map(({ kind }) => kind);
    const firstTick = after.indexOf("timer");
    expect(after[0]).toBe("stalled");
    expect(after.slice(0, firstTick).filter((kind) => kind === "packet")).toHaveLength(20);
    expect(after.slice(0, firstTick)).toContain("stream-data");
    expect(after.slice(0, firstTick)).toContain("stream-opened");
    expect(after.slice(0, firstTick)).not.toContain("stream-ended");
    expect(seen[before]?.forMs).toBeWithin(1600 - 300 - 200, 1600 + 3000);
    // The clock stood still: no tick came much later than it should by it.
    const times = seen.filter(({ kind }) => kind === "timer").map(({ nowMs }) => nowMs);
    const waits = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(299);
    expect(Math.max(...waits)).toBeLessThan(800);
    expect(seen.at(-1)?.stalls).toBeGreaterThanOrEqual(1);
    stream.destroy();
    late.destroy();
  } finally {
    sender.close();
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await child.exited;
  }
}, 60_000);
