import { Argument, Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { metadataPair } from "../read/metadata-pair.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { addServerOptions } from "./server-options.ts";

const actions = ["members", "join", "send"] as const;
type Action = (typeof actions)[number];

export interface GroupsOptions extends SessionOptions {
  readonly name?: string;
  readonly memberId?: string;
  readonly meta: Record<string, string>;
}

const examples = `
Examples:
  converge-ledger groups join demo --name planner
  converge-ledger groups send demo "look at 17"
  converge-ledger groups send demo - < message.bin
  converge-ledger groups members demo

Processes that belong to a context join its group, and hear what is sent to it. Nothing of that is stored: who is not there misses
it. "join" goes on until Ctrl-C, across restarts of the server. Whoever joins twice with one --member-id is one member.

Text columns, separated by tabs. join: what it is (member, message, joined, updated, left), member id, name, and the payload of a
message. members: member, member id, name, node id, since when, metadata; then server, node id, name, gRPC address, state, "home";
then watchers, node id, name, how many. send: the id of the message, how many members were there.`;

/** `groups members|join|send CTX`: the processes that belong to a context. */
export function groupsCommand(io: CliIo): Command {
  const command = new Command("groups")
    .description("show, join or write to the group of processes that belong to a context")
    .addArgument(new Argument("<ACTION>", "what to do").choices(actions))
    .argument("<CTX>", "the context whose group it is; it need not exist")
    .argument("[TEXT]", "send: the message as text, or - to read it from standard input")
    .option("--name <NAME>", "join: what people call this member")
    .option("--member-id <ID>", "join, send: who this is; without it join makes one, and send is nobody")
    .option(
      "--meta <NAME=VALUE>",
      "join: what others are told about this member; may be repeated",
      metadataPair,
      {},
    );
  addServerOptions(command).addHelpText("after", examples);
  return command.action(
    async (action: Action, context: string, text: string | undefined, options: GroupsOptions) => {
      if (action !== "send" && text !== undefined) throw new UsageError(`${action} takes no TEXT`);
      if (action === "members") {
        const { showGroup } = await import("../run/show-group.ts");
        return await withSession(io, options, (session) => showGroup(session, context));
      }
      if (action === "join") {
        const { joinGroup } = await import("../run/join-group.ts");
        return await withSession(io, options, (session) => joinGroup(session, context, options));
      }
      if (text === undefined)
        throw new UsageError('missing TEXT: give the message as text or as - ("" is empty)');
      const { sendToGroup } = await import("../run/send-to-group.ts");
      await withSession(io, options, (session) =>
        sendToGroup(session, context, { text, from: options.memberId }),
      );
    },
  );
}
