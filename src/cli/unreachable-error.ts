/** No ledger answered at an address. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";

  constructor(
    readonly url: string,
    detail: string,
    options: ErrorOptions,
  ) {
    super(
      `no ledger answers at ${url} (${detail}); is it running? Start one with "converge-ledger serve", or name another with --url`,
      options,
    );
  }
}
