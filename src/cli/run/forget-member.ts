import { escapeText } from "../render/escape.ts";
import type { Session } from "../session.ts";

/** Takes a dead member off the roster. */
export async function forgetMember({ client, io, json, signal }: Session, name: string): Promise<void> {
  await client.membership.forget(name, { signal });
  await io.stdout.write(
    json ? `${JSON.stringify({ forgotten: name })}\n` : `forgotten\t${escapeText(name)}\n`,
  );
}
