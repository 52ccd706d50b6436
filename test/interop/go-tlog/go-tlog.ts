/**
 * A log checker that others wrote: golang.org/x/mod/sumdb, as Debian packages it, in a program of its own.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { capture } from "../../../scripts/steps/run.ts";
import { lines } from "../../support/lines.ts";

/** Bytes are base64, as in Go. What the operations take and answer is in main.go. */
export interface GoRequest {
  readonly op:
    | "open"
    | "leaf"
    | "append"
    | "root"
    | "record"
    | "tree"
    | "checkRecord"
    | "checkTree"
    | "path"
    | "tile"
    | "tiles";
  readonly [field: string]: unknown;
}

export interface GoAnswer {
  readonly error?: string;
  readonly text?: string;
  readonly verified?: readonly string[];
  readonly unverified?: readonly string[];
  readonly hash?: string;
  readonly hashes?: readonly string[];
  readonly path?: string;
  readonly data?: string;
}

export interface GoTlog extends AsyncDisposable {
  ask(request: GoRequest): Promise<GoAnswer>;
  /** Answers many in their order. Faster than one by one. */
  askAll(requests: readonly GoRequest[]): Promise<readonly GoAnswer[]>;
}

const packages = "/usr/share/gocode";
const sumdb = `${packages}/src/golang.org/x/mod/sumdb/tlog/tlog.go`;

/** What is missing here; undefined if Go can be used. */
export const goLacks: string | undefined = await missing();

async function missing(): Promise<string | undefined> {
  if (Bun.which("go") === null) return "needs Go";
  return (await Bun.file(sumdb).exists()) ? undefined : "needs golang-golang-x-mod-dev";
}

/** Builds the program with the packages of this machine, nothing is downloaded, and starts it. */
export async function startGoTlog(): Promise<GoTlog> {
  const directory = mkdtempSync(join(tmpdir(), "go-tlog-"));
  const program = join(directory, "go-tlog");
  const env = {
    CGO_ENABLED: "0",
    GO111MODULE: "off",
    GOCACHE: join(directory, "cache"),
    GOFLAGS: "",
    GOPATH: packages,
    GOPROXY: "off",
  };
  const { exitCode, report } = await capture(
    ["go", "build", "-o", program, join(import.meta.dir, "main.go")],
    { env },
  );
  if (exitCode !== 0) {
    rmSync(directory, { recursive: true });
    throw new Error(`The Go program cannot be built:\n${report}`);
  }
  const child = Bun.spawn([program], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const answers = lines(child.stdout);
  return {
    ask,
    askAll,
    async [Symbol.asyncDispose]() {
      await child.stdin.end();
      await child.exited;
      rmSync(directory, { recursive: true });
    },
  };

  async function ask(request: GoRequest): Promise<GoAnswer> {
    const [answer = {}] = await askAll([request]);
    return answer;
  }

  async function askAll(requests: readonly GoRequest[]): Promise<readonly GoAnswer[]> {
    // Written while answers are read: the program waits when nobody reads them.
    const written = write(requests);
    const given: GoAnswer[] = [];
    while (given.length < requests.length) {
      const { value, done } = await answers.next();
      if (done === true) throw new Error("The Go program ended before it had answered");
      given.push(JSON.parse(value) as GoAnswer);
    }
    await written;
    return given;
  }

  async function write(requests: readonly GoRequest[]): Promise<void> {
    for (const request of requests) {
      await child.stdin.write(`${JSON.stringify(request)}\n`);
    }
    await child.stdin.flush();
  }
}
