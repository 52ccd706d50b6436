/** What is stored is not what was appended. */
export class DamagedError extends Error {
  override readonly name = "DamagedError";

  constructor(
    name: string,
    readonly damaged: number | bigint,
  ) {
    super(
      `${name}: what is stored is not what was appended: ${damaged} ${BigInt(damaged) === 1n ? "finding" : "findings"}; ` +
        "keep the files as they are and restore what is damaged from a snapshot, a backup or another copy",
    );
  }
}
