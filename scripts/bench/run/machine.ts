import { statfs } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";

/** What the figures depend on, one fact a line. */
export async function machineFacts(scratch: string): Promise<readonly string[]> {
  const versions = await Promise.all(
    [
      ["etcd", "--version"],
      ["redis-server", "--version"],
      ["h2load", "--version"],
    ].map(firstLine),
  );
  return [
    `${cpus().length} cores, ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${process.platform} ${release()} ${process.arch}, Bun ${Bun.version}`,
    `data on ${await fileSystem(scratch)}`,
    ...versions.filter((line) => line !== undefined),
  ];
}

async function firstLine(command: readonly string[]): Promise<string | undefined> {
  if (Bun.which(command[0] ?? "") === null) return undefined;
  const text = await new Response(
    Bun.spawn([...command], { stdout: "pipe", stderr: "ignore" }).stdout,
  ).text();
  return text.split("\n")[0];
}

const names: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x0102_1994: "tmpfs (MEMORY: nothing here is durable)",
  0x9123_683e: "btrfs",
  0x5846_5342: "xfs",
  0x794c_7630: "overlayfs",
};

async function fileSystem(path: string): Promise<string> {
  const { type } = await statfs(path);
  return names[type] ?? `file system 0x${type.toString(16)}`;
}
