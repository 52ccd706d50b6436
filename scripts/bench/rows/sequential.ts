import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Row, scratchDirectory } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { alternate } from "../measure/alternate.ts";
import { percentile } from "../measure/statistics.ts";
import { startLedger } from "../peers/ledger.ts";
import { type Child, startChild } from "../run/child.ts";
import { freePort } from "../run/free-port.ts";
import { h2load } from "../run/h2load.ts";
import { contentHeaders } from "../run/protocol.ts";
import { appendBody, paths } from "../run/requests.ts";

const pageBytes = 4096;

/** One client that waits for every answer, against a sync of the disk plus a round trip that does nothing. */
export const sequential: Row = {
  name: "sequential",
  needs: ["h2load"],
  run: async (bench): Promise<readonly Line[]> => {
    await using ledger = await startLedger(bench);
    const echoPort = await freePort();
    await using echo = startEcho(echoPort);
    await echo.line(/listening/);
    const floors: { sync: number; trip: number }[] = [];
    const compared = await alternate(
      bench.rounds,
      async () => await roundTripUs(bench, ledger.ports.connect),
      async () => {
        const floor = { sync: await syncUs(bench), trip: await roundTripUs(bench, echoPort) };
        floors.push(floor);
        return floor.sync + floor.trip;
      },
    );
    const last = floors.at(-1);
    return [
      {
        what: "one sequential client, p50 latency, Connect h2",
        ours: { value: compared.ours, unit: "µs" },
        against: { name: "fdatasync + round trip", value: compared.theirs, unit: "µs" },
        bar: { score: { value: compared.ratio, unit: "x" }, better: "less", atLeast: 1.5, aim: 1.2 },
        note: `last floor: ${Math.round(last?.sync ?? 0)} + ${Math.round(last?.trip ?? 0)} µs`,
      },
    ];
  },
};

/** A server of its own process that reads the request and answers as many bytes as an append's answer has. */
function startEcho(port: number): Child {
  const source = `
    const answer = new Uint8Array(400);
    Bun.serve({ hostname: "127.0.0.1", port: ${port}, http2: true,
      async fetch(request) { await request.arrayBuffer(); return new Response(answer); } });
    console.log("listening");`;
  return startChild([process.execPath, "-e", source]);
}

async function roundTripUs(bench: Bench, port: number): Promise<number> {
  const { p50Us } = await h2load(bench, {
    url: `http://127.0.0.1:${port}${paths.append}`,
    headers: Object.fromEntries(contentHeaders("connect", "unary")),
    body: appendBody("sequential"),
    connections: 1,
    streams: 1,
    seconds: bench.seconds,
  });
  return p50Us;
}

/** The median time of appending one page to a file and syncing it. */
async function syncUs(bench: Bench): Promise<number> {
  await using directory = await scratchDirectory(bench, "sync");
  const file = openSync(join(directory.path, "file"), "a");
  const page = new Uint8Array(pageBytes).fill(1);
  const times = [];
  const until = performance.now() + (bench.seconds * 1000) / 2;
  while (performance.now() < until) {
    const began = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    times.push((performance.now() - began) * 1000);
  }
  closeSync(file);
  return percentile(times, 0.5);
}
