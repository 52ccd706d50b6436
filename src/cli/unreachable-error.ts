/** No ledger answered at an address. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";

  constructor(
    readonly url: string,
    detail: string,
    options: ErrorOptions,
  ) {
    // Systems explain a refused connection at length; its code says as much.
    const cause = /^E[A-Z]+(?=:)/.exec(detail)?.[0] ?? detail;
    super(
      `no ledger answers at ${url} (${cause}); is it running? Start one with "converge-ledger serve", or name another with --url`,
      options,
    );
  }
}
