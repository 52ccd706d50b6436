import { createRequire } from "node:module";
import { bun, projectRoot } from "./project.ts";

/** Returns the path of buf's binary for this machine. The package's own launcher needs Node. */
export function buf(): string {
  const arch = process.platform === "linux" && process.arch === "arm64" ? "aarch64" : process.arch;
  const extension = process.platform === "win32" ? ".exe" : "";
  const launcher = createRequire(import.meta.url).resolve("@bufbuild/buf/package.json");
  return createRequire(launcher).resolve(`@bufbuild/buf-${process.platform}-${arch}/bin/buf${extension}`);
}

/** Returns the command that generates code into `folder` with the settings of buf.gen.yaml. */
export async function generateCommand(folder: string): Promise<string[]> {
  const settings = Bun.YAML.parse(await Bun.file(`${projectRoot}/buf.gen.yaml`).text()) as {
    plugins: { local: string[]; out: string }[];
  };
  for (const plugin of settings.plugins) {
    plugin.out = folder;
    plugin.local = plugin.local.map((word) => (word === "bun" ? bun : word));
  }
  return [buf(), "generate", "--template", JSON.stringify(settings)];
}
