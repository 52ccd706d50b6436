import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHttpApp } from "../../src/rpc/http/app.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { fakeIntegrity, note, tileBytes } from "./fake-integrity.ts";

const context = { kind: "context", contextId: "c" } as const;
const node = { kind: "node" } as const;

/** Returns the general path of HTTP over a ledger that can do nothing but prove. */
function appOver(corsOrigins: readonly string[] = []) {
  const integrity = fakeIntegrity();
  const app = createHttpApp({
    ledger: { integrity } as unknown as Ledger,
    metrics: {} as never,
    heartbeatMs: 0,
    handlers: new Map(),
    readiness: { checks: () => [], verbose: () => ({}), subscribe: () => () => true },
    renderMetrics: async () => "",
    metricsContentType: "text/plain",
    corsOrigins,
    keepOpen: () => {},
  });
  const get = (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> =>
    Promise.resolve(app.fetch(new Request(`http://localhost${path}`, { method, headers })));
  return { integrity, get };
}

function headersOf({ headers }: Response): Record<string, string | null> {
  return Object.fromEntries(["content-type", "cache-control"].map((name) => [name, headers.get(name)]));
}

const text = "text/plain; charset=utf-8";
const binary = "application/octet-stream";
const immutable = { "content-type": binary, "cache-control": "max-age=31536000, immutable" };
const changing = { "content-type": text, "cache-control": "max-age=2" };

describe("GET /tlog", () => {
  test.each([
    ["/tlog/contexts/c/checkpoint", changing, note, ["checkpoint", context]],
    ["/tlog/node/checkpoint", changing, note, ["checkpoint", node]],
    ["/tlog/contexts/c/vkey", changing, "new+00+x\nold+00+x\n", ["verifierKeys", context]],
    ["/tlog/node/vkey?a=b", changing, "new+00+x\nold+00+x\n", ["verifierKeys", node]],
  ])("%s is text that may change", async (path, headers, body, asked) => {
    const { integrity, get } = appOver();
    const response = await get(path);
    expect([response.status, headersOf(response), await response.text()]).toEqual([200, headers, body]);
    expect(integrity.asked).toEqual([asked]);
  });

  test.each([
    ["/tlog/contexts/c/tile/0/000", ["tile", context, 0, 0, 256]],
    ["/tlog/contexts/c/tile/3/000.p/7", ["tile", context, 3, 0, 7]],
    ["/tlog/node/tile/63/000.p/255", ["tile", node, 63, 0, 255]],
  ])("%s is a tile, for good", async (path, asked) => {
    const { integrity, get } = appOver();
    const response = await get(path);
    expect([response.status, headersOf(response)]).toEqual([200, immutable]);
    expect(await response.bytes()).toEqual(tileBytes);
    expect(integrity.asked[0]).toEqual(asked);
  });

  test.each([
    ["/tlog/contexts/c/tile/entries/x001/x234/067", ["entryBundle", context, 1_234_067, 256]],
    ["/tlog/node/tile/entries/000.p/1", ["entryBundle", node, 0, 1]],
  ])("%s is an entry bundle, for good", async (path, asked) => {
    const { integrity, get } = appOver();
    const response = await get(path);
    expect([response.status, headersOf(response)]).toEqual([200, immutable]);
    expect(integrity.asked[0]).toEqual(asked);
  });

  test.each([
    ["a%2Fb", "a/b"],
    ["a%40b", "a@b"],
    ["%25", "%"],
    ["%2525", "%25"],
    ["%E2%82%AC", "€"],
    ["%EF%BB%BFx", "\ufeffx"],
    ["e%CC%81", "e\u0301"],
    ["...", "..."],
    ["node", "node"],
  ])("of /tlog/contexts/%s is about %p", async (segment, contextId) => {
    const { integrity, get } = appOver();
    expect((await get(`/tlog/contexts/${segment}/checkpoint`)).status).toBe(200);
    expect(integrity.asked).toEqual([["checkpoint", { kind: "context", contextId }]]);
  });

  test.each([
    ["/tlog/contexts/%/checkpoint", "LOG_SEGMENT_INVALID"],
    ["/tlog/contexts/%FF/checkpoint", "LOG_SEGMENT_INVALID"],
    ["/tlog/contexts/%c3%a9/checkpoint", "LOG_SEGMENT_INVALID"],
    ["/tlog/contexts/%41/checkpoint", "LOG_SEGMENT_INVALID"],
    ["/tlog/contexts/c@/checkpoint", "LOG_SEGMENT_INVALID"],
    ["/tlog/contexts/c@1/checkpoint", "LOG_SEGMENT_INVALID"],
    ["/tlog/contexts/@2/checkpoint", "LOG_SEGMENT_INVALID"],
    [`/tlog/contexts/${"x".repeat(1025)}/checkpoint`, "LOG_SEGMENT_INVALID"],
    ["/tlog/contexts/%00/checkpoint", "CONTEXT_ID_CONTROL_CHARACTER"],
    ["/tlog/contexts/c/tile/", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/0", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/00/000", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/64/000", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/-1/000", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/0/0", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/0/x000/000", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/0/000.p/0", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/0/000.p/256", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/0/000.p/01", "TILE_PATH_INVALID"],
    ["/tlog/contexts/c/tile/entries", "TILE_PATH_INVALID"],
    ["/tlog/node/tile/entries/000/", "TILE_PATH_INVALID"],
  ])("%s is answered with 400 and %s", async (path, reason) => {
    const { integrity, get } = appOver();
    const response = await get(path);
    expect([response.status, headersOf(response)]).toEqual([
      400,
      { "content-type": "application/json", "cache-control": "no-store" },
    ]);
    const { code, details } = (await response.json()) as { code: string; details: { debug?: unknown }[] };
    expect([code, details[0]?.debug]).toMatchObject(["invalid_argument", { reason }]);
    expect(integrity.asked).toEqual([]);
  });

  test.each([
    "/tlog",
    "/tlog/",
    "/tlog/node",
    "/tlog/node/",
    "/tlog/node/checkpoint/",
    "/tlog/node/Checkpoint",
    "/tlog/node/vkeys",
    "/tlog/node@2/vkey",
    "/tlog/contexts/checkpoint",
    "/tlog/contexts//checkpoint",
    "/tlog/contexts/a/b/checkpoint",
    "/tlog/contexts/c/tiles/0/000",
    "/tlog/contexts/c@2/checkpoint",
    "/tlog/contexts/c@9007199254740991/vkey",
    "/tlog/contexts/c/tile/0/001",
    "/tlog/contexts/c/tile/0/x999/999.p/3",
  ])("%s is answered with 404, which is not to be cached", async (path) => {
    const response = await appOver().get(path);
    expect([response.status, response.headers.get("cache-control")]).toEqual([404, "no-store"]);
  });

  test.each(["POST", "PUT", "DELETE"])("%s is no way to read it", async (method) => {
    const { integrity, get } = appOver();
    expect((await get("/tlog/node/checkpoint", {}, method)).status).toBe(404);
    expect(integrity.asked).toEqual([]);
  });
});

describe("an ETag", () => {
  test.each(["checkpoint", "vkey", "tile/0/000", "tile/0/000.p/2", "tile/entries/000"])(
    "of %s is answered with 304 and nothing else",
    async (name) => {
      const { get } = appOver();
      const path = `/tlog/contexts/c/${name}`;
      const first = await get(path);
      const etag = first.headers.get("etag") ?? "";
      expect(etag).toMatch(/^"[0-9a-f]+"$/);
      const second = await get(path, { "if-none-match": etag });
      expect([second.status, await second.text(), second.headers.get("content-type")]).toEqual([
        304,
        "",
        null,
      ]);
      expect([second.headers.get("etag"), second.headers.get("cache-control")]).toEqual([
        etag,
        first.headers.get("cache-control"),
      ]);
    },
  );

  test.each([
    [(etag: string) => `W/${etag}`, 304],
    [(etag: string) => `"x", ${etag} ,"y"`, 304],
    [() => "*", 304],
    [(etag: string) => etag.replaceAll('"', ""), 200],
    [(etag: string) => `${etag.slice(0, -1)}0"`, 200],
    [() => "", 200],
  ])("in a list, weak or of something else", async (spelled, status) => {
    const { get } = appOver();
    const etag = (await get("/tlog/node/checkpoint")).headers.get("etag") ?? "";
    expect((await get("/tlog/node/checkpoint", { "if-none-match": spelled(etag) })).status).toBe(status);
  });

  test("differs where the content does", async () => {
    const { get } = appOver();
    const paths = ["checkpoint", "vkey", "tile/0/000", "tile/entries/000"];
    const etags = await Promise.all(
      paths.map(async (path) => (await get(`/tlog/node/${path}`)).headers.get("etag")),
    );
    expect(new Set(etags).size).toBe(paths.length);
  });
});

describe("pages of other origins", () => {
  const origin = "https://app.example";

  test("may read what they are allowed to, ETag included", async () => {
    const response = await appOver([origin]).get("/tlog/node/checkpoint", { origin });
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    expect(response.headers.get("access-control-expose-headers")).toContain("ETag");
  });

  test("may not without being allowed", async () => {
    const response = await appOver().get("/tlog/node/checkpoint", { origin });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("HEAD over HTTP/1.1", () => {
  let server: Bun.Server<undefined>;
  const { get } = appOver();
  beforeAll(() => {
    server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: ({ url, method, headers }) => get(new URL(url).pathname, Object.fromEntries(headers), method),
    });
  });
  afterAll(() => server.stop(true));

  test.each(["checkpoint", "tile/0/000"])("of %s has the headers of GET and no body", async (name) => {
    const url = `${server.url.href}tlog/node/${name}`;
    const [head, full] = [await fetch(url, { method: "HEAD" }), await fetch(url)];
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const header of ["etag", "content-type", "cache-control"])
      expect(head.headers.get(header)).toBe(full.headers.get(header));
  });
});
