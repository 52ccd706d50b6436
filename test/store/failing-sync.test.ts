import { expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryDirectory } from "./temporary-directory.ts";

const canPreload = process.platform === "linux" && Bun.which("gcc") !== null;

interface Told {
  readonly commit: { readonly failure: string; readonly message: string };
  readonly crashed: string;
  readonly open: { readonly failure: string };
  readonly recovered: number;
  readonly latest: number;
}

test.skipIf(!canPreload)(
  "a sync that fails ends the writer, and the reopened store tells the outcome (needs gcc)",
  () => {
    using directory = temporaryDirectory();
    const library = join(directory.path, "failing-sync.so");
    const source = join(import.meta.dir, "failing-sync.c");
    expect(
      Bun.spawnSync(["gcc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"]).stderr.toString(),
    ).toBe("");

    const program = join(import.meta.dir, "child-failing-sync.ts");
    const child = Bun.spawnSync([process.execPath, program, join(directory.path, "ledger")], {
      env: { ...process.env, LD_PRELOAD: library, FAILING_SYNC_FLAG: join(directory.path, "flag") },
      stderr: "inherit",
    });
    const told = JSON.parse(child.stdout.toString()) as Told;
    expect(told.commit.failure).toBe("unknown");
    expect(told.commit.message).toContain("the disk failed at the end (SQLITE_IOERR_FSYNC)");
    expect(told.crashed).toContain("SQLITE_IOERR_FSYNC");
    expect(told.open.failure).toBe("io");
    expect([3, 4]).toContain(told.recovered);
    expect(told.latest).toBe(told.recovered + 1);
  },
);
