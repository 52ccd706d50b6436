/** Runs the scenarios of verified-scenarios.ts in other runtimes than this one. */

import { temporaryDirectory } from "../store/temporary-directory.ts";

const chromium = Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome");

export const runtimes = { node: Bun.which("node") !== null, chromium: chromium !== null };

/** Returns one module that runs everything against `base` and posts the outcomes there; "" is where the page is from. */
export async function programFor(base: string): Promise<string> {
  const built = await Bun.build({
    entrypoints: [`${import.meta.dir}/verified-scenarios.ts`],
    target: "browser",
    format: "esm",
  });
  const scenarios = (await built.outputs[0]?.text()) ?? "";
  return `${scenarios}
const base = ${JSON.stringify(base)} || location.origin;
const keys = async () => await (await fetch(base + "/keys")).json();
let outcomes;
try {
  outcomes = await runScenarios(base, keys);
} catch (error) {
  outcomes = String(error?.stack ?? error);
}
if (typeof process === "undefined") await fetch(base + "/outcomes", { method: "POST", body: JSON.stringify(outcomes) });
else process.stdout.write(JSON.stringify(outcomes), () => process.exit(0));
`.replaceAll("</script", "<\\/script");
}

export async function runInNode(program: string): Promise<unknown> {
  const node = Bun.spawn(["node", "--input-type=module", "-"], {
    stdin: new TextEncoder().encode(program),
    stderr: "pipe",
  });
  const [out, problems] = await Promise.all([
    new Response(node.stdout).text(),
    new Response(node.stderr).text(),
  ]);
  // Connections that are kept alive would keep it, too.
  if ((await node.exited) !== 0) throw new Error(`Node failed: ${problems}`);
  return JSON.parse(out);
}

/** Opens a page until `outcome` is there, and returns that. */
export async function runInChromium<T>(url: string, outcome: Promise<T>): Promise<T> {
  using profile = temporaryDirectory();
  const browser = Bun.spawn(
    [
      chromium ?? "chromium",
      ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
      ...["--disable-background-networking", `--user-data-dir=${profile.path}`, url],
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  try {
    return await outcome;
  } finally {
    browser.kill("SIGKILL");
    await browser.exited;
  }
}
