import { buf } from "../../scripts/steps/buf.ts";
import { projectRoot } from "../../scripts/steps/project.ts";
import { errorOfConnect, type InteropClient, type Json, type Outcome } from "./interop-client.ts";
import { lines } from "./lines.ts";

export interface BufCurlOptions {
  readonly protocol: "grpc" | "grpcweb" | "connect";
  /** Address of the listener, `http://host:port`. */
  readonly url: string;
  /** Further flags, such as --http2-prior-knowledge. */
  readonly flags?: readonly string[];
  /** Ask the server for the schema instead of reading the files. */
  readonly reflection?: boolean;
}

/** buf curl, one process a call. */
export function bufCurlClient({
  protocol,
  url,
  flags = [],
  reflection = false,
}: BufCurlOptions): InteropClient {
  const children = new Set<Bun.Subprocess>();
  const schema = reflection ? [] : ["--schema", `${projectRoot}/proto`];
  return {
    async call(method, requests, { answersMax = Infinity, timeoutMs, gzip, onAnswer } = {}) {
      const target = ["--protocol", protocol, ...schema, ...flags, "-d", "@-", `${url}/${method}`];
      if (timeoutMs !== undefined || gzip !== undefined)
        throw new Error("buf curl has neither deadlines nor compressed requests");
      const child = Bun.spawn([buf(), "curl", ...target], { stdio: ["pipe", "pipe", "pipe"] });
      children.add(child);
      const stderr = child.stderr.text();
      await child.stdin.write(
        (Array.isArray(requests) ? requests : [requests]).map((json) => JSON.stringify(json)).join("\n"),
      );
      await child.stdin.end();
      const answers: Json[] = [];
      for await (const answer of documents(child.stdout)) {
        answers.push(answer);
        onAnswer?.(answer);
        if (answers.length >= answersMax) child.kill();
        if (answers.length >= answersMax) break;
      }
      const code = await child.exited;
      children.delete(child);
      return outcomeOf(answers, answers.length >= answersMax ? 0 : code, await stderr);
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}

/** Exit codes below 8 are of buf, the others are of the call. */
function outcomeOf(answers: readonly Json[], code: number, stderr: string): Outcome {
  if (code === 0) return { answers, error: undefined };
  if (code < 8) throw new Error(`buf curl ended with ${code}: ${stderr}`);
  return { answers, error: errorOfConnect(JSON.parse(stderr) as Json) };
}

/** Yields the JSON documents of a stream as they are complete: each ends with a brace that begins a line, or is one line. */
async function* documents(stream: ReadableStream<Uint8Array>): AsyncGenerator<Json> {
  let text = "";
  for await (const line of lines(stream)) {
    text += `${line}\n`;
    if (line !== "}" && !(line.startsWith("{") && line.endsWith("}"))) continue;
    yield JSON.parse(text) as Json;
    text = "";
  }
}
