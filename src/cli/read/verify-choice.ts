import { open, stat } from "node:fs/promises";
import { UsageError } from "../usage-error.ts";

/** What `verify` is to check. */
export type VerifyChoice =
  | EvidenceChoice
  /** By the server; the log of logs without a context. */
  | { readonly kind: "log"; readonly contextId?: string }
  | CheckpointsChoice
  | { readonly kind: "data"; readonly directory: string };

export interface EvidenceChoice {
  readonly kind: "evidence";
  readonly file: string;
  /** Values of --key; at least one. */
  readonly keys: readonly string[];
  readonly payload?: string;
}

export interface CheckpointsChoice {
  readonly kind: "checkpoints";
  readonly old: string;
  readonly new: string;
  /** Values of --key; at least one. */
  readonly keys: readonly string[];
  readonly proof?: string;
}

/** The options of `verify` that say what it is to check. */
export interface VerifyFlags {
  readonly key?: readonly string[];
  readonly payload?: string;
  readonly file?: boolean;
  readonly context?: boolean;
  readonly node?: boolean;
  readonly data?: string;
  readonly old?: string;
  readonly new?: string;
  readonly proof?: string;
}

const keyHint =
  'missing --key: without the key of who signed, nothing is proven; give what "converge-ledger key" prints, from a source you trust';

/** Returns what the arguments of `verify` ask for. Throws {@link UsageError} if they ask for several things, or none. */
export async function verifyChoice(target: string | undefined, flags: VerifyFlags): Promise<VerifyChoice> {
  const asked = [
    target !== undefined && "FILE or CTX",
    flags.node && "--node",
    flags.data !== undefined && "--data",
    (flags.old !== undefined || flags.new !== undefined) && "--old and --new",
  ].filter((name) => typeof name === "string");
  if (asked.length > 1) throw new UsageError(`${asked.join(", ")}: these exclude each other`);
  if (asked.length === 0)
    throw new UsageError(
      "missing FILE or CTX: name evidence or a context, or use --node, --data, or --old and --new",
    );
  if (target === undefined && (flags.file || flags.context))
    throw new UsageError(`${flags.file ? "--file" : "--context"} needs the argument it is about`);
  if (flags.proof !== undefined && flags.old === undefined && flags.new === undefined)
    throw new UsageError("--proof belongs to --old and --new");
  if (flags.old !== undefined || flags.new !== undefined) return checkpoints(flags);
  if (target !== undefined) return await evidenceOrContext(target, flags);
  refuseEvidenceOptions(flags);
  return flags.data === undefined ? { kind: "log" } : { kind: "data", directory: flags.data };
}

function checkpoints({ old, new: newer, key = [], proof, payload }: VerifyFlags): CheckpointsChoice {
  if (old === undefined || newer === undefined)
    throw new UsageError(
      `${old === undefined ? "--new needs --old" : "--old needs --new"}: two saved checkpoints`,
    );
  if (payload !== undefined) throw new UsageError("--payload belongs to evidence");
  if (key.length === 0) throw new UsageError(keyHint);
  return { kind: "checkpoints", old, new: newer, keys: key, ...(proof === undefined ? {} : { proof }) };
}

async function evidenceOrContext(target: string, flags: VerifyFlags): Promise<VerifyChoice> {
  const { key = [], payload, file, context } = flags;
  if (file && context) throw new UsageError("--file and --context exclude each other");
  if (target === "") throw new UsageError("FILE or CTX is empty");
  // Only evidence is checked with keys or compared with a payload.
  const isEvidence =
    file || (!context && (key.length > 0 || payload !== undefined || (await looksLikeEvidence(target))));
  if (!isEvidence) {
    refuseEvidenceOptions(flags);
    return { kind: "log", contextId: target };
  }
  if (key.length === 0) {
    const hint =
      file || target === "-"
        ? ""
        : `; if ${JSON.stringify(target)} is a context and not this file, use --context`;
    throw new UsageError(`${keyHint}${hint}`);
  }
  if (target === "-" && payload === "-")
    throw new UsageError("only one of FILE and --payload can be standard input");
  return { kind: "evidence", file: target, keys: key, ...(payload === undefined ? {} : { payload }) };
}

function refuseEvidenceOptions({ key = [], payload }: VerifyFlags): void {
  if (key.length > 0) throw new UsageError("--key belongs to evidence and to checkpoints");
  if (payload !== undefined) throw new UsageError("--payload belongs to evidence");
}

const suffix = ".tlog-proof";
const magic = "c2sp.org/tlog-proof@";

/** Tells whether a name is that of evidence. Throws {@link UsageError} if it could be, and there is no such file. */
async function looksLikeEvidence(target: string): Promise<boolean> {
  if (target === "-") return true;
  const beginning = await beginningOf(target);
  if (beginning !== undefined) return target.endsWith(suffix) || beginning === magic;
  if (!target.endsWith(suffix)) return false;
  throw new UsageError(
    `${target}: there is no such file; if it is the name of a context, use --context, or name the file that is meant`,
  );
}

/** Returns as many characters as the magic has, fewer of a shorter file; undefined if there is no regular file. */
async function beginningOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  // Reading from a pipe would take away what is verified later.
  if (!found?.isFile()) return undefined;
  await using handle = await open(path, "r");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
  return buffer.toString("latin1", 0, bytesRead);
}
