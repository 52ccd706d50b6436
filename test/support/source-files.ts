import { projectRoot } from "../../scripts/steps/project.ts";

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments, and with empty strings in place of strings and of the text of templates. */
  readonly code: string;
}

/** Returns the TypeScript files below a folder of the project, without generated ones. */
export async function readSources(folder: string): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for await (const path of new Bun.Glob(`${folder}/**/*.ts`).scan({ cwd: projectRoot })) {
    if (path.startsWith("src/gen/")) continue;
    const text = await Bun.file(`${projectRoot}/${path}`).text();
    files.push({ path, text, code: codeOf(text) });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Comments, strings and templates; a regular expression literal only where one can begin. */
const notCode =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`|(?<=[=(,:?!&|]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g;

/** Returns source text without anything that is not code. Expressions in templates stay. */
export function codeOf(text: string): string {
  return text.replaceAll(notCode, (found) => {
    if (!found.startsWith("`")) return found.startsWith("/") ? " " : '""';
    const expressions = [...found.matchAll(/\$\{((?:[^{}]|\{[^{}]*\})*)\}/g)].map((match) => `(${match[1]})`);
    return `(${expressions.join("+") || '""'})`;
  });
}

/** Every way a module names another one: import, export from, import type, import(), new URL(). */
const references = [
  /^\s*(?:import|export)\s(?:[^"';]*?\sfrom\s+)?["']([^"'\n]+)["']/gm,
  /\bimport\(\s*["']([^"'\n]+)["']/g,
  /\bnew URL\(\s*["'](\.[^"'\n]+)["']\s*,\s*import\.meta\.url/g,
  /\brequire\(\s*["']([^"'\n]+)["']/g,
];

/** Returns what a file refers to, as it is written there. */
export function referencesOf(text: string): string[] {
  const withoutComments = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/[^\n]*/gm, "");
  return references.flatMap((pattern) =>
    [...withoutComments.matchAll(pattern)].map((match) => match[1] ?? ""),
  );
}
