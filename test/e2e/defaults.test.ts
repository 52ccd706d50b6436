/** What the executable does if it is told nothing, and where it looks for settings. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/bench/run/free-port.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import {
  type ExecutableChild,
  runExecutable,
  spawnExecutable,
  startServerProcess,
} from "../support/server-process.ts";
import { patienceMs, within } from "../support/until.ts";

setDefaultTimeout(4 * patienceMs);

const anyPorts = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"];

/** Starts the executable in a folder, waits until it is ready, and ends it with SIGTERM. Returns what it printed. */
async function startedIn(
  cwd: string,
  args: readonly string[],
  {
    env = {},
    during,
  }: {
    readonly env?: Record<string, string>;
    readonly during?: (child: ExecutableChild) => Promise<void>;
  } = {},
): Promise<string> {
  const child = await spawnExecutable(args, { cwd, env });
  try {
    const ended = child.process.exited.then((code) =>
      Promise.reject(new Error(`ended with ${code}: ${child.stderr()}`)),
    );
    await within("the server is ready", Promise.race([child.ready, ended]));
    await during?.(child);
    ended.catch(() => undefined);
    child.process.kill("SIGTERM");
    await within("the end", child.process.exited);
    return child.stdout();
  } finally {
    child.process.kill("SIGKILL");
  }
}

describe("addresses", () => {
  test("port 0 takes a free port and prints it; the last line says when it was ready", async () => {
    await using server = await startServerProcess();
    expect(server.grpcPort).toBeGreaterThan(0);
    expect(server.httpPort).toBeGreaterThan(0);
    expect(server.stdout()).toMatch(/\nready in \d+ ms\n$/);
    expect((await fetch(`http://127.0.0.1:${server.httpPort}/healthz`)).status).toBe(200);
  });

  test.each([
    ["--grpc", "0.0.0.0:0"],
    ["--http", "0.0.0.0:0"],
    ["--grpc", "[::]:0"],
    ["--http", "192.0.2.1:8080"],
    ["--grpc", "ledger.example:50051"],
  ])("%s %s is refused with exit code 2 and a remedy, and nothing is made", async (flag, address) => {
    using directory = temporaryDirectory();
    const data = join(directory.path, "data");
    const other = flag === "--grpc" ? "--http" : "--grpc";
    const { code, stdout, stderr } = await runExecutable([
      "serve",
      "--data",
      data,
      flag,
      address,
      other,
      "127.0.0.1:0",
    ]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`${flag}: refused to listen on ${address}`);
    expect(stderr).toMatch(/use 127\.0\.0\.1:\d+, or give --insecure/);
    expect(existsSync(data)).toBe(false);
  });

  test("--insecure allows every address, and every Host", async () => {
    using directory = temporaryDirectory();
    const args = ["serve", "--data", "d", "--grpc", "0.0.0.0:0", "--http", "0.0.0.0:0", "--insecure"];
    await startedIn(directory.path, args, {
      during: async (child) => {
        const port = /SSE +http:\/\/0\.0\.0\.0:(\d+)/.exec(child.stdout())?.[1];
        const answer = await fetch(`http://127.0.0.1:${port}/healthz`, {
          headers: { host: "ledger.example" },
        });
        expect(answer.status).toBe(200);
      },
    });
  });

  test("two listeners on one port are refused with exit code 2", async () => {
    const { code, stderr } = await runExecutable([
      "serve",
      "--grpc",
      "127.0.0.1:9999",
      "--http",
      "127.0.0.1:9999",
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("different ports")]);
  });

  test("an unknown flag is refused with exit code 2", async () => {
    expect(await runExecutable(["serve", "--nonsense"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--nonsense"),
    });
  });
});

describe("settings", () => {
  test("flags win over the environment, that over the file, that over the default", async () => {
    using directory = temporaryDirectory();
    const file = join(directory.path, "ledger.toml");
    writeFileSync(
      file,
      'data = "from-file"\ndrain-ms = 1111\nwatch-heartbeat-ms = 2222\nlog-level = "warn"\n',
    );
    const env = {
      CONVERGE_LEDGER_CONFIG: file,
      CONVERGE_LEDGER_DRAIN_MS: "3333",
      CONVERGE_LEDGER_WATCH_HEARTBEAT_MS: "4444",
    };
    const { code, stdout } = await runExecutable(["config", "--watch-heartbeat-ms", "5555", "--json"], {
      env,
    });
    expect(code).toBe(0);
    const settings = new Map(Object.entries(settingsOf(stdout)));
    expect([
      settings.get("watch-heartbeat-ms"),
      settings.get("drain-ms"),
      settings.get("data"),
      settings.get("grpc"),
    ]).toEqual([
      ["5555", "flag"],
      ["3333", "environment"],
      ["from-file", "file"],
      ["127.0.0.1:50051", "default"],
    ]);
  });

  test("serve takes them from all three places", async () => {
    using directory = temporaryDirectory();
    const [filePort, envPort] = [await freePort(), await freePort()];
    writeFileSync(
      join(directory.path, "settings.toml"),
      `data = "from-file"\nhttp = "127.0.0.1:${filePort}"\ngrpc = "127.0.0.1:1"\n`,
    );
    const env = { CONVERGE_LEDGER_GRPC: `127.0.0.1:${envPort}`, CONVERGE_LEDGER_DATA: "from-environment" };
    const stdout = await startedIn(
      directory.path,
      ["serve", "--config", "settings.toml", "--data", "from-flag"],
      { env },
    );
    expect(stdout).toContain(`http://127.0.0.1:${envPort}`);
    expect(stdout).toContain(`http://127.0.0.1:${filePort}`);
    expect(
      ["from-flag", "from-environment", "from-file"].map((name) => existsSync(join(directory.path, name))),
    ).toEqual([true, false, false]);
  });

  test("GRPC_PORT is an alias, and CONVERGE_LEDGER_GRPC wins over it", async () => {
    using directory = temporaryDirectory();
    const [port, other] = [await freePort(), await freePort()];
    const args = ["serve", "--data", "d", "--http", "127.0.0.1:0"];
    expect(await startedIn(directory.path, args, { env: { GRPC_PORT: String(port) } })).toContain(
      `gRPC                          http://127.0.0.1:${port}\n`,
    );
    const both = { GRPC_PORT: String(port), CONVERGE_LEDGER_GRPC: `127.0.0.1:${other}` };
    expect(await startedIn(directory.path, args, { env: both })).toContain(
      `gRPC                          http://127.0.0.1:${other}\n`,
    );
  });

  test("a .env and a bunfig.toml of the working directory are not read, and run nothing", async () => {
    using directory = temporaryDirectory();
    const cwd = join(directory.path, "work");
    mkdirSync(cwd);
    writeFileSync(
      join(cwd, ".env"),
      "CONVERGE_LEDGER_DATA=from-dot-env\nCONVERGE_LEDGER_DRAIN_MS=not-a-number\n",
    );
    writeFileSync(join(cwd, ".env.production"), "CONVERGE_LEDGER_DATA=from-dot-env\n");
    writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./evil.ts"]\n[serve]\npreload = ["./evil.ts"]\n');
    writeFileSync(join(cwd, "evil.ts"), 'require("node:fs").writeFileSync("evil-ran", "");\n');
    writeFileSync(join(cwd, "ledger.toml"), 'data = "from-toml"\n');
    await startedIn(cwd, ["serve", "--data", "d", ...anyPorts]);
    expect(await runExecutable(["version"], { cwd })).toMatchObject({ code: 0 });
    expect(["d", "from-dot-env", "from-toml", "evil-ran"].map((name) => existsSync(join(cwd, name)))).toEqual(
      [true, false, false, false],
    );
  });
});

/** Returns text and origin of every setting that `config --json` printed. */
function settingsOf(stdout: string): Record<string, readonly [string, string]> {
  const { settings } = JSON.parse(stdout) as { settings: { name: string; text: string; from: string }[] };
  return Object.fromEntries(settings.map(({ name, text, from }) => [name, [text, from]]));
}
