import { Argument, Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { UsageError } from "../usage-error.ts";
import { addServerOptions } from "./server-options.ts";

interface MembersOptions extends SessionOptions {
  readonly watch?: boolean;
}

const examples = `
Examples:
  converge-ledger members
  converge-ledger members --watch
  converge-ledger members --json
  converge-ledger members forget n-5f3c21aa

Text columns, separated by tabs: name, state, gossip address, gRPC address, version, since when it is in that state, and
"self" for the node that answers, how many nodes keep a context and how many of them acknowledge an append, and "read-only"
for a node that takes no appends now. On a terminal they are padded and have a heading. With --watch a line for each change
follows, with what has happened in front, until Ctrl-C.`;

/** `members [forget NAME]`: lists the members of the cluster, or takes one off. */
export function membersCommand(io: CliIo): Command {
  const command = new Command("members")
    .description("list the members of the cluster as the server sees them, or forget a dead one")
    .addArgument(
      new Argument("[ACTION]", "forget: take a dead member off the roster, everywhere").choices(["forget"]),
    )
    .argument("[NAME]", "the member to forget")
    .option("-w, --watch", "print every change until Ctrl-C, across restarts of the server");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(
    async (action: "forget" | undefined, name: string | undefined, options: MembersOptions) => {
      if (action === undefined) {
        const { listMembers, followMembers } = await import("../run/list-members.ts");
        return await withSession(io, options, options.watch === true ? followMembers : listMembers);
      }
      if (name === undefined) throw new UsageError("missing NAME: name the member to forget");
      if (options.watch === true) throw new UsageError("forget and --watch exclude each other");
      const { forgetMember } = await import("../run/forget-member.ts");
      return await withSession(io, options, (session) => forgetMember(session, name));
    },
  );
}
