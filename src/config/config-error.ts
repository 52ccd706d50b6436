import { quote } from "../core/errors.ts";

/** One setting that cannot be used. */
export interface ConfigProblem {
  /** Name of the field, or the unknown key. */
  readonly field: string;
  /** Where it was given: `--grpc`, `CONVERGE_LEDGER_GRPC`, `ledger.toml: grpc`, `default`. */
  readonly source: string;
  readonly value?: string;
  /** What is accepted. */
  readonly accepts?: string;
  /** What the operator can do about it, as an imperative phrase. */
  readonly remedy: string;
  /** The whole problem as one line. */
  readonly message: string;
}

/** All settings that cannot be used, at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(({ message }) => message).join("\n"));
  }
}

/** Returns the problem of a value that its field does not accept. */
export function badValue(
  problem: Omit<ConfigProblem, "message"> & { readonly value: string },
): ConfigProblem {
  const { source, value, accepts, remedy } = problem;
  const bounds = accepts === undefined ? "" : ` (accepts ${accepts})`;
  return { ...problem, message: `${source}: cannot use ${quote(value)}${bounds}; ${remedy}` };
}
