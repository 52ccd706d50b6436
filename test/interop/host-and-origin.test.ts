/** Who may call: names of the Host header, and pages of other origins. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { curl, curlFeatures } from "../support/curl-client.ts";
import { eventSource } from "../support/event-source.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { patienceMs } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const hasCurl = (await curlFeatures()).includes("HTTP2");
const append = "converge.context.v1.ContextService/Append";
const json = { "content-type": "application/json" };
const body = JSON.stringify({ contextId: "c", key: "k" });

describe.skipIf(!hasCurl)("the Host of a loopback listener (needs curl with HTTP2)", () => {
  const statuses = async (server: ServerProcess, host: string): Promise<readonly unknown[]> => {
    const post = ["-H", "content-type: application/json", "-d", body, "-H", `host: ${host}`];
    const grpc = [
      "-H",
      "content-type: application/grpc",
      "-H",
      "te: trailers",
      "-d",
      "",
      "-H",
      `host: ${host}`,
    ];
    const { status: http1 } = await curl(["--http1.1", ...post, `${server.url}/${append}`]);
    const { status: http2 } = await curl(["--http2-prior-knowledge", ...post, `${server.url}/${append}`]);
    const { status: page } = await curl(["-H", `host: ${host}`, `${server.url}/v1/contexts/c/nothing`]);
    const { status: onGrpc } = await curl([
      "--http2-prior-knowledge",
      ...grpc,
      `http://${server.grpc}/${append}`,
    ]);
    return [http1, http2, page, onGrpc];
  };

  test("is answered 421 on both listeners unless it is loopback or allowed", async () => {
    await using server = await startServerProcess({ flags: ["--allow-host", "ledger.internal"] });
    for (const host of [
      "evil.example",
      "127.0.0.1.evil.example",
      `evil.example:${server.httpPort}`,
      "localhost.evil.example",
      "10.0.0.1",
    ])
      expect([host, ...(await statuses(server, host))]).toEqual([host, 421, 421, 421, 421]);
    for (const host of [
      `127.0.0.1:${server.httpPort}`,
      "localhost",
      "LOCALHOST:1",
      "[::1]:8080",
      "ledger.internal:99",
    ])
      expect([host, ...(await statuses(server, host))]).toEqual([host, 200, 200, 404, 200]);
  });

  test("says what to do in its answer, and nothing was appended under a refused name", async () => {
    await using server = await startServerProcess();
    const answer = await curl([
      "-H",
      "host: evil.example",
      "-H",
      "content-type: application/json",
      "-d",
      body,
      `${server.url}/${append}`,
    ]);
    expect([answer.status, answer.body.toString()]).toEqual([421, expect.stringContaining("--allow-host")]);
    const list = await fetch(`${server.url}/converge.ledger.v1.LedgerService/ListContexts`, {
      method: "POST",
      headers: json,
      body: "{}",
    });
    expect(await list.json()).toEqual({});
  });
});

describe("pages of other origins", () => {
  const origin = "https://app.example";
  const preflight = (server: ServerProcess, from: string): Promise<Response> =>
    fetch(`${server.url}/${append}`, {
      method: "OPTIONS",
      headers: {
        origin: from,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,connect-protocol-version",
      },
    });

  test("are told nothing unless --cors-origin is given", async () => {
    await using server = await startServerProcess();
    const answers = [
      await preflight(server, origin),
      await fetch(`${server.url}/${append}`, { method: "POST", headers: { ...json, origin }, body }),
    ];
    for (const answer of answers) expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("may call if they are of the given origin, get its errors and its event streams; others may not", async () => {
    await using server = await startServerProcess({ flags: ["--cors-origin", origin] });
    const allowed = await preflight(server, origin);
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([204, origin]);
    expect(allowed.headers.get("access-control-allow-methods")).toContain("POST");
    expect(allowed.headers.get("access-control-allow-headers")?.toLowerCase()).toContain(
      "connect-protocol-version",
    );
    expect(
      (await preflight(server, "https://other.example")).headers.get("access-control-allow-origin"),
    ).toBeNull();

    for (const type of ["application/json", "application/proto"]) {
      const bad = await fetch(`${server.url}/${append}`, {
        method: "POST",
        headers: { "content-type": type, origin },
        body: "",
      });
      expect([bad.status, bad.headers.get("access-control-allow-origin")]).toEqual([400, origin]);
      expect(bad.headers.get("access-control-expose-headers")?.toLowerCase()).toContain("grpc-status");
    }
    const good = await fetch(`${server.url}/${append}`, {
      method: "POST",
      headers: { ...json, origin },
      body,
    });
    expect([good.status, good.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    const events = await fetch(`${server.url}/v1/contexts/c/watch`, { headers: { origin } });
    expect(events.headers.get("access-control-allow-origin")).toBe(origin);
    await events.body?.cancel();
    const first = await eventSource(`${server.url}/v1/contexts/c/watch`, {
      init: { headers: { origin } },
    }).next();
    expect(first.value).toMatchObject({ type: "entry" });
  });

  test("may all call with --cors-origin '*'", async () => {
    await using server = await startServerProcess({ flags: ["--cors-origin", "*"] });
    expect(
      (await preflight(server, "https://other.example")).headers.get("access-control-allow-origin"),
    ).toBe("*");
  });
});
