import { describe, expect, test } from "bun:test";
import { callHttp, callHttp2, startListeners } from "../support/ledger-listeners.ts";

const service = "/converge.context.v1.ContextService";
/** Bytes that are no message of any method. */
const bodies: [name: string, bytes: Uint8Array][] = [
  ["a field that ends after the message", Uint8Array.of(0x0a, 0x05, 0x61)],
  ["text that is not UTF-8", Uint8Array.of(0x0a, 0x01, 0xff)],
  ["a wire type that does not exist", Uint8Array.of(0x0f)],
  ["a varint without end", new Uint8Array(11).fill(0xff)],
];

describe("a message that cannot be parsed is the client's fault:", () => {
  for (const method of ["Append", "Get", "Watch", "Snapshot"]) {
    test.each(bodies)(`${method} with %s`, async (_, bytes) => {
      await using server = await startListeners();
      const path = `${service}/${method}`;
      const reason = { details: [{ type: "google.rpc.ErrorInfo", debug: { reason: "MESSAGE_MALFORMED" } }] };

      const grpc = await callHttp2(server.grpcPort, grpcCall(path, "application/grpc", bytes));
      expect(grpc.trailers["grpc-status"]).toBe("3");
      expect(grpc.trailers["grpc-message"]).toContain("is not a converge.context.v1.");

      const web = await callHttp(server.httpPort, grpcCall(path, "application/grpc-web+proto", bytes));
      expect(web.body.toString()).toMatch(/grpc-status: 3\r\n/);

      const streamed = await callHttp(server.httpPort, grpcCall(path, "application/connect+proto", bytes));
      const unary = await callHttp(server.httpPort, {
        path,
        method: "POST",
        headers: { "content-type": "application/proto" },
        body: bytes,
      });
      const connect =
        method === "Watch"
          ? JSON.parse(streamed.body.subarray(5).toString()).error
          : JSON.parse(unary.body.toString());
      expect(connect).toMatchObject({ code: "invalid_argument", ...reason });
    });
  }
});

describe("JSON that is not UTF-8 is refused, not repaired:", () => {
  const json = Buffer.from('{"contextId":"c?"}');
  json[json.indexOf("?")] = 0xff;

  test("in a body", async () => {
    await using server = await startListeners();
    const headers = { "content-type": "application/json" };
    const reply = await callHttp(server.httpPort, {
      path: `${service}/Get`,
      method: "POST",
      headers,
      body: json,
    });
    expect([reply.status, JSON.parse(reply.body.toString())]).toEqual([
      400,
      expect.objectContaining({ code: "invalid_argument" }),
    ]);
  });

  test("in a query", async () => {
    await using server = await startListeners();
    const path = `${service}/Get?connect=v1&encoding=json&message=%7B%22contextId%22%3A%22c%FF%22%7D`;
    const reply = await callHttp(server.httpPort, { path, method: "GET" });
    expect([reply.status, JSON.parse(reply.body.toString())]).toEqual([
      400,
      expect.objectContaining({ code: "invalid_argument" }),
    ]);
  });
});

function grpcCall(path: string, type: string, message: Uint8Array) {
  const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  return { path, method: "POST", headers: { "content-type": type }, body };
}
