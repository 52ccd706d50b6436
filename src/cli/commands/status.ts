import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { Ended } from "../ended.ts";
import { escapeText } from "../render/escape.ts";
import type { SessionOptions } from "../session.ts";
import { loadSettings } from "../settings.ts";
import { UnreachableError } from "../unreachable-error.ts";
import { addServerOptions } from "./server-options.ts";

interface StatusOptions extends SessionOptions {
  readonly quiet?: boolean;
}

const examples = `
Examples:
  converge-ledger status
  converge-ledger status --quiet || echo "not ready"`;

/** `status`: tells whether a server is ready, by its exit code too. */
export function statusCommand(io: CliIo): Command {
  const command = new Command("status")
    .description("tell whether the server is ready: exit code 0 if it is, 1 if not")
    .option("-q, --quiet", "print nothing, for health checks");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (options: StatusOptions) => {
    const { url, timeoutMs } = (await loadSettings(io, "client", options)).config;
    const answer = await askReady(url, timeoutMs).catch((error: unknown) => {
      if (options.quiet) throw new Ended(1);
      throw error;
    });
    if (!options.quiet) await io.stdout.write(options.json ? answerJson(url, answer) : answerText(answer));
    if (!answer.ready) throw new Ended(1);
  });
}

interface ReadyAnswer {
  readonly ready: boolean;
  /** One line for each check, such as "[+]store ok". */
  readonly lines: readonly string[];
}

async function askReady(url: string, timeoutMs: number): Promise<ReadyAnswer> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(timeoutMs) });
    const lines = (await response.text()).split("\n").filter((line) => line !== "");
    return { ready: response.status === 200, lines };
  } catch (error) {
    throw new UnreachableError(url, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function answerText({ lines }: ReadyAnswer): string {
  return lines.map((line) => `${escapeText(line)}\n`).join("");
}

function answerJson(url: string, { ready, lines }: ReadyAnswer): string {
  const checks = lines.flatMap((line) => {
    const [, sign, name, detail] = /^\[([+!-])\](\S+) ?(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, ok: sign !== "-", degraded: sign === "!", detail }];
  });
  return `${JSON.stringify({ url, ready, checks })}\n`;
}
