import { Command } from "commander";
import type { Setting } from "../../config.ts";
import type { CliIo } from "../cli-io.ts";
import { escapeText } from "../render/escape.ts";
import { type Flags, loadSettings } from "../settings.ts";
import { addSettingOptions } from "./setting-options.ts";

const examples = `
Examples:
  converge-ledger config
  CONVERGE_LEDGER_DATA=/var/lib/ledger converge-ledger config --json

A flag wins over the environment, the environment over the settings file, the file over the default.`;

/** `config`: prints every setting and where its value came from. */
export function configCommand(io: CliIo): Command {
  const command = new Command("config")
    .description("print every setting, its value and where that came from; takes the flags of serve")
    .option("--json", "print JSON")
    .addHelpText("after", examples);
  return addSettingOptions(command, "server", "client").action(async (flags: Flags) => {
    const server = await loadSettings(io, "server", flags);
    const client = await loadSettings(io, "client", flags);
    const settings = [...server.settings, ...client.settings];
    const text = flags["json"] === true ? settingsJson(settings) : settings.map(settingLine).join("");
    await io.stdout.write(text);
    for (const warning of server.warnings) await io.stderr.write(`warning: ${escapeText(warning)}\n`);
  });
}

function settingLine({ field, text, source }: Setting): string {
  return `${field.fileKey}\t${text === undefined ? "" : escapeText(text)}\t${escapeText(source)}\n`;
}

function settingsJson(settings: readonly Setting[]): string {
  const described = settings.map(({ field, value, text, from, source }) => ({
    name: field.fileKey,
    scope: field.scope,
    value: value ?? null,
    text: text ?? null,
    from,
    source,
    flag: field.flag,
    env: field.env,
  }));
  return `${JSON.stringify({ settings: described })}\n`;
}
