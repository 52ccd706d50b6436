/** Both listeners with TLS: every client, ALPN, and peers that do not speak it. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:tls";
import { bufCurlClient } from "../support/buf-curl-client.ts";
import { clientKinds } from "../support/client-kinds.ts";
import { eventSource } from "../support/event-source.ts";
import { answerOf } from "../support/interop-client.ts";
import { openClients, type OpenClients } from "../support/open-clients.ts";
import { canSign, selfSigned, type SelfSigned } from "../support/self-signed.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { testEachClient } from "../support/test-each-client.ts";
import { patienceMs, until } from "../support/until.ts";

setDefaultTimeout(2 * patienceMs);

const service = "converge.context.v1.ContextService";
const contextId = "secret";

describe.skipIf(!canSign)("a server with TLS (needs openssl)", () => {
  let server: ServerProcess;
  let clients: OpenClients;
  let pair: SelfSigned;

  beforeAll(async () => {
    pair = await selfSigned();
    server = await startServerProcess({ flags: ["--tls-cert", pair.cert, "--tls-key", pair.key] });
    clients = await openClients({ ...server, ca: pair.cert });
  });

  afterAll(async () => {
    await clients[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    pair[Symbol.dispose]();
  });

  testEachClient(clientKinds, "serves %s", async (kind) => {
    const { entry } = await answerOf(clients.of(kind), `${service}/Append`, { contextId, key: kind.name });
    const { entries } = await answerOf(clients.of(kind), `${service}/Get`, { contextId, key: kind.name });
    expect(entries).toEqual([entry]);
  });

  test("serves an EventSource over HTTPS", async () => {
    const url = `${server.url}/v1/contexts/events/watch`;
    expect(url).toStartWith("https://");
    const init = { tls: { ca: await Bun.file(pair.cert).text() } };
    const append = await fetch(`${server.url}/${service}/Append`, {
      ...init,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ contextId: "events", key: "k" }),
    });
    expect(append.status).toBe(200);
    const first = await eventSource(url, { init }).next();
    expect(first.value).toMatchObject({ type: "entry", data: expect.stringContaining('"sequence":"1"') });
  });

  test("serves buf curl over HTTP/3", async () => {
    const flags = ["--http3", "--cacert", pair.cert];
    await using client = bufCurlClient({ protocol: "connect", url: server.url, flags });
    const { entry } = await answerOf(client, `${service}/Append`, { contextId, key: "http3" });
    const { entries } = await answerOf(client, `${service}/Get`, { contextId, key: "http3" });
    expect(entries).toEqual([entry]);
  });

  test.each([
    ["the gRPC listener", "h2", ["h2", "http/1.1"]],
    ["the HTTP listener", "h2", ["h2", "http/1.1"]],
    ["the HTTP listener", "http/1.1", ["http/1.1"]],
  ] as const)("%s chooses %s by ALPN", async (listener, chosen, offered) => {
    const port = listener === "the gRPC listener" ? server.grpcPort : server.httpPort;
    const socket = connect({
      host: "127.0.0.1",
      port,
      ALPNProtocols: [...offered],
      rejectUnauthorized: false,
    });
    await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    expect(socket.alpnProtocol).toBe(chosen);
    socket.destroy();
  });

  test("peers that speak no TLS end nothing", async () => {
    for (const port of [server.grpcPort, server.httpPort]) {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`).then(
        () => "answered",
        () => "refused",
      );
      expect(["answered", "refused"]).toContain(answer);
    }
    const init = { tls: { ca: await Bun.file(pair.cert).text() } };
    const health = await until("the server still answers", async () =>
      (await fetch(`${server.url}/healthz`, init)).text(),
    );
    expect(health).toBe("ok\n");
    expect(server.stderr()).not.toContain("error");
  });
});
