/** How many holders must have an entry before it is acknowledged: the setting of a cluster. */
export type WriteCopies = "1" | "majority" | "all";

export const writeCopiesValues: readonly WriteCopies[] = ["1", "majority", "all"];

/** Returns how many of `holders` holders that is. Never fewer because some are dead. */
export function copiesRequired(writeCopies: WriteCopies, holders: number): number {
  switch (writeCopies) {
    case "1":
      return 1;
    case "majority":
      return Math.floor(holders / 2) + 1;
    case "all":
      return holders;
  }
}

/**
 * Returns how many of `holders` holders must promise before a new writer may begin, and must know of new holders before those
 * count: any so many have one among them that has every committed entry, also while one holder comes or goes. Where one
 * copy is enough nothing holds that together, and the answer is 1.
 */
export function promisesRequired(writeCopies: WriteCopies, holders: number): number {
  return writeCopies === "1" ? 1 : Math.floor(holders / 2) + 1;
}
