import { command } from "./command.ts";

/** What an executable can do, as far as its help says: earlier ones gossip but keep no copies. */
export interface Abilities {
  readonly replicates: boolean;
}

export async function abilitiesOf(executable: string): Promise<Abilities> {
  return { replicates: (await command(executable, "serve", "--help")).includes("--replicas") };
}
