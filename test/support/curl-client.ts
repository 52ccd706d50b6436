import { capture } from "../../scripts/steps/run.ts";
import { errorOfConnect, type InteropClient, type Json } from "./interop-client.ts";

/** What one run of curl brought. */
export interface CurlAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Runs curl; `body` goes to its stdin, to be named `@-`. Throws if curl itself fails. */
export async function curl(args: readonly string[], body: string | Uint8Array = ""): Promise<CurlAnswer> {
  const child = Bun.spawn(["curl", "--silent", "--show-error", "--include", ...args], {
    stdio: [new Blob([typeof body === "string" ? body : new Uint8Array(body)]), "pipe", "pipe"],
  });
  const [out, err, code] = await Promise.all([child.stdout.bytes(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`curl ended with ${code}: ${err}`);
  return readAnswer(Buffer.from(out));
}

function readAnswer(out: Buffer): CurlAnswer {
  const end = out.indexOf("\r\n\r\n");
  const [statusLine = "", ...fields] = out.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Headers();
  for (const field of fields)
    headers.append(field.slice(0, field.indexOf(":")), field.slice(field.indexOf(":") + 1).trim());
  const status = Number(statusLine.split(" ")[1]);
  const body = out.subarray(end + 4);
  // An interim answer, such as 100 Continue, comes before the one that counts.
  return status < 200 ? readAnswer(body) : { status, headers, body };
}

/** curl speaking the Connect protocol in JSON: single answers only. `flags` choose the version of HTTP. */
export function curlClient(url: string, flags: readonly string[]): InteropClient {
  return {
    async call(method, requests, { timeoutMs, gzip = false } = {}) {
      const [request] = Array.isArray(requests) ? requests : [requests];
      const json = JSON.stringify(request);
      const headers = ["-H", "content-type: application/json"];
      if (timeoutMs !== undefined) headers.push("-H", `connect-timeout-ms: ${timeoutMs}`);
      if (gzip) headers.push("-H", "content-encoding: gzip", "--compressed");
      const body = gzip ? Bun.gzipSync(json) : json;
      const answer = await curl([...flags, ...headers, "--data-binary", "@-", `${url}/${method}`], body);
      const parsed = JSON.parse(answer.body.toString()) as Json;
      return answer.status === 200
        ? { answers: [parsed], error: undefined }
        : { answers: [], error: errorOfConnect(parsed) };
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Asks for a method without side effects by GET, as the Connect protocol allows. */
export async function curlGet(
  url: string,
  method: string,
  request: Json,
  flags: readonly string[] = [],
): Promise<CurlAnswer> {
  const query = new URLSearchParams({ connect: "v1", encoding: "json", message: JSON.stringify(request) });
  return curl([...flags, `${url}/${method}?${query.toString()}`]);
}

/** What curl was built with, such as HTTP2; empty without curl. */
export async function curlFeatures(): Promise<readonly string[]> {
  if (Bun.which("curl") === null) return [];
  const { out } = await capture(["curl", "--version"]);
  return /^Features: (.*)$/m.exec(out)?.[1]?.split(" ") ?? [];
}
