import { expect, setDefaultTimeout, test } from "bun:test";
import { bun, projectRoot } from "../../scripts/steps/project.ts";
import { lines } from "../support/lines.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";

setDefaultTimeout(60_000);

const start = `"${bun}" scripts/start.ts`;

test("the start script ends with the exit code of the server", async () => {
  const child = Bun.spawn(["sh", "-c", `${start} --no-such-flag`], { cwd: projectRoot, stderr: "pipe" });
  expect(await child.stderr.text()).toContain("unknown option '--no-such-flag'");
  expect(await child.exited).toBe(2);
});

test.if(process.platform === "linux")(
  "a server of the start script stops with the shell that npm started it with",
  async () => {
    using directory = temporaryDirectory();
    const listeners = "--http 127.0.0.1:0 --grpc 127.0.0.1:0 --log-level error";
    // The second command keeps the shell from becoming the first one, as npm's shell does not either.
    const command = `${start} --data '${directory.path}/data' ${listeners}; true`;
    const shell = Bun.spawn(["sh", "-c", command], { cwd: projectRoot, stdin: "ignore" });
    let said = "";
    for await (const line of lines(shell.stdout)) {
      said += `${line}\n`;
      // From here on the shell is gone; the output ends when the server has.
      if (line.startsWith("ready in")) shell.kill("SIGTERM");
    }
    expect(said).toContain("ready in");
    expect(shell.signalCode).toBe("SIGTERM");
  },
);
