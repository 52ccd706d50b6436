import type { ProveOptions } from "../commands/prove.ts";
import { UsageError } from "../usage-error.ts";
import { parseEntryName } from "./entry-name.ts";

/** What `prove` is to prove. */
export type ProofChoice =
  /** An entry; the newest without a sequence. */
  | { readonly kind: "entry"; readonly contextId: string; readonly sequence?: bigint }
  /** A context's newest size and root in the log of logs. */
  | { readonly kind: "context"; readonly contextId: string }
  /** That a log only grew; the log of logs without a context. */
  | { readonly kind: "growth"; readonly contextId?: string; readonly from: bigint; readonly to?: bigint };

/** Returns what the arguments of `prove` ask for. Throws {@link UsageError} if they ask for several things, or none. */
export function proofChoice(
  name: string | undefined,
  { newest, node, from, to }: Pick<ProveOptions, "newest" | "node" | "from" | "to">,
): ProofChoice {
  if (from !== undefined) return growth(name, { newest, node, from, to });
  if (to !== undefined) throw new UsageError("--to needs --from: the smaller of the two sizes");
  if (name === undefined || name === "")
    throw new UsageError("missing CTX@SEQ: which entry, or which context with --node");
  if (newest && node) throw new UsageError("--newest and --node exclude each other");
  if (node) return { kind: "context", contextId: name };
  return newest ? { kind: "entry", contextId: name } : { kind: "entry", ...parseEntryName(name) };
}

function growth(
  contextId: string | undefined,
  {
    newest,
    node,
    from,
    to,
  }: { newest?: boolean | undefined; node?: boolean | undefined; from: bigint; to?: bigint | undefined },
): ProofChoice {
  if (newest) throw new UsageError("--newest and --from exclude each other");
  if (to !== undefined && to < from) throw new UsageError(`--to ${to} is less than --from ${from}`);
  if (node && contextId !== undefined)
    throw new UsageError("--from takes a context, or --node for the log of logs, not both");
  if (!node && (contextId === undefined || contextId === ""))
    throw new UsageError("missing CTX: which context, or --node for the log of logs");
  return {
    kind: "growth",
    from,
    ...(contextId === undefined ? {} : { contextId }),
    ...(to === undefined ? {} : { to }),
  };
}
