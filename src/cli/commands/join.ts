import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { addServerOptions } from "./server-options.ts";

const examples = `
Examples:
  converge-ledger join 10.0.0.5
  converge-ledger join 10.0.0.5:7946 [fd00::6]:7946 ledger.example

One address of the cluster is enough; its nodes tell of each other. The exit code is 1 if none was reached. A server that
is started with --join does this by itself, again and again.`;

/** `join ADDR...`: lets a server join others. */
export function joinCommand(io: CliIo): Command {
  const command = new Command("join")
    .description("let the server join the nodes at some addresses, and with them their cluster")
    .argument("<ADDR...>", "where others gossip: HOST or HOST:PORT; 7946 without a port");
  addServerOptions(command).addHelpText("after", examples);
  return command.action(async (addresses: string[], options: SessionOptions) => {
    const { joinCluster } = await import("../run/join-cluster.ts");
    await withSession(io, options, (session) => joinCluster(session, addresses));
  });
}
