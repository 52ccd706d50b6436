import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { projectRoot } from "./project.ts";

/** Returns the links of the project's Markdown files to files of the project that do not exist. */
export async function brokenLinks(): Promise<string[]> {
  const broken: string[] = [];
  for await (const path of new Bun.Glob("{*.md,docs/**/*.md}").scan({ cwd: projectRoot })) {
    const text = await Bun.file(`${projectRoot}/${path}`).text();
    for (const target of linkTargets(text)) {
      if (!existsSync(resolve(projectRoot, dirname(path), target)))
        broken.push(`${path}: ${target} does not exist`);
    }
  }
  return broken;
}

/** Returns the paths that a Markdown text links to, without addresses of other sites and fragments. */
export function linkTargets(markdown: string): string[] {
  const targets = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
  const paths = targets
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .map((target) => target.split("#")[0] ?? "");
  return paths.filter((path) => path !== "");
}
