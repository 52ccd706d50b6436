/**
 * Installs the other programs that interoperability tests and benchmarks use. Only as root on
 * Debian or a system like it; elsewhere it says what is missing. Tests without their peer are skipped.
 *
 * @module
 */

import { capture, run } from "./steps/run.ts";

interface Peer {
  readonly debianPackage: string;
  /** A command that succeeds once the package is there. */
  readonly probe: readonly string[];
}

const peers: readonly Peer[] = [
  { debianPackage: "chromium", probe: ["chromium", "--version"] },
  { debianPackage: "curl", probe: ["curl", "--version"] },
  { debianPackage: "etcd-server", probe: ["etcd", "--version"] },
  { debianPackage: "gcc", probe: ["gcc", "--version"] },
  {
    debianPackage: "golang-github-hashicorp-memberlist-dev",
    probe: ["test", "-f", "/usr/share/gocode/src/github.com/hashicorp/memberlist/memberlist.go"],
  },
  { debianPackage: "golang-go", probe: ["go", "version"] },
  {
    debianPackage: "golang-golang-x-mod-dev",
    probe: ["test", "-f", "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog/tlog.go"],
  },
  { debianPackage: "iproute2", probe: ["ip", "-V"] },
  { debianPackage: "nats-server", probe: ["nats-server", "--version"] },
  { debianPackage: "nghttp2-client", probe: ["h2load", "--version"] },
  { debianPackage: "python3-grpcio", probe: ["/usr/bin/python3", "-c", "import grpc"] },
  { debianPackage: "redis-server", probe: ["redis-server", "--version"] },
  { debianPackage: "serf", probe: ["serf", "version"] },
  { debianPackage: "strace", probe: ["strace", "--version"] },
  { debianPackage: "util-linux", probe: ["unshare", "--version"] },
  { debianPackage: "wrk", probe: ["sh", "-c", "command -v wrk"] },
];

let missing = await missingPackages();
if (missing.length > 0 && process.getuid?.() === 0 && Bun.which("apt-get") !== null) {
  await install(missing);
  missing = await missingPackages();
}
console.log(missing.length === 0 ? "every peer is installed" : `not installed: ${missing.join(" ")}`);
process.exit(missing.length === 0 ? 0 : 1);

async function missingPackages(): Promise<string[]> {
  const found = await Promise.all(peers.map(({ probe }) => succeeds(probe)));
  return peers.filter((_, index) => !found[index]).map(({ debianPackage }) => debianPackage);
}

async function succeeds(command: readonly string[]): Promise<boolean> {
  if (Bun.which(command[0] ?? "") === null) return false;
  return (await capture(command)).exitCode === 0;
}

/** One package at a time after the first failure: one that is not offered must not cost the others. */
async function install(packages: readonly string[]): Promise<void> {
  // Installing a server must not start it.
  const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"];
  await run(["apt-get", "update", "--quiet"], { env });
  if ((await run([...command, ...packages], { env })) === 0) return;
  for (const name of packages) await run([...command, name], { env });
}
