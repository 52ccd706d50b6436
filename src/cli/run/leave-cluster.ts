import type { Session } from "../session.ts";

/** Lets the server leave its cluster. */
export async function leaveCluster({ client, io, json, signal }: Session): Promise<void> {
  await client.membership.leave({ signal });
  await io.stdout.write(json ? `${JSON.stringify({ left: true })}\n` : "left\n");
}
