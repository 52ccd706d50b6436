/**
 * The node of hashicorp/memberlist that is in peer.go, built with the packages of this machine: nothing is downloaded.
 *
 * @module
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../scripts/steps/project.ts";
import { capture } from "../../../scripts/steps/run.ts";

const packages = "/usr/share/gocode";
const memberlist = `${packages}/src/github.com/hashicorp/memberlist/memberlist.go`;

/** What is missing here; undefined if the program can be used. */
export const memberlistLacks: string | undefined = await missing();

async function missing(): Promise<string | undefined> {
  if (Bun.which("go") === null) return "needs Go";
  if (Bun.which("flock") === null) return "needs flock";
  return (await Bun.file(memberlist).exists()) ? undefined : "needs golang-github-hashicorp-memberlist-dev";
}

/** Returns the path of the program; builds it first if its source is newer. */
export function goProgram(): Promise<string> {
  return (built ??= build());
}

let built: Promise<string> | undefined;

async function build(): Promise<string> {
  const directory = join(projectRoot, "dist", "test");
  mkdirSync(directory, { recursive: true });
  const program = join(directory, "memberlist-peer");
  const env = {
    CGO_ENABLED: "0",
    GO111MODULE: "off",
    GOCACHE: join(directory, "go-cache"),
    GOFLAGS: "",
    GOPATH: packages,
    GOPROXY: "off",
  };
  // Several test processes may want it at the same time; the system frees the lock of one that is killed.
  const steps = '[ "$0" -nt "$1" ] || go build -o "$0" "$1"';
  const command = ["flock", `${program}.lock`, "sh", "-c", steps, program, join(import.meta.dir, "peer.go")];
  const { exitCode, report } = await capture(command, { env });
  if (exitCode !== 0) throw new Error(`The Go program cannot be built:\n${report}`);
  return program;
}
