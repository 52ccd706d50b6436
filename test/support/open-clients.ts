import { clientKinds, type ClientKind, type Target } from "./client-kinds.ts";
import type { InteropClient } from "./interop-client.ts";

/** The clients of all makes that this machine has, connected to one server. */
export interface OpenClients extends AsyncDisposable {
  /** Returns the client of a kind. Throws if there is none. */
  of(kind: Pick<ClientKind, "name">): InteropClient;
}

export async function openClients(
  target: Target,
  kinds: readonly ClientKind[] = clientKinds,
): Promise<OpenClients> {
  const clients = new Map<string, InteropClient>();
  for (const kind of kinds.filter(({ lacks }) => lacks === undefined))
    clients.set(kind.name, await kind.open(target));
  return {
    of({ name }) {
      const client = clients.get(name);
      if (client === undefined) throw new Error(`There is no client ${name}`);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients.values()].map((client) => client[Symbol.asyncDispose]()));
    },
  };
}

/** What a test's name says if this machine cannot run it. */
export function needs({ lacks }: ClientKind): string {
  return lacks === undefined ? "" : ` (needs ${lacks})`;
}
