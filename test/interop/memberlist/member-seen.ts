/** What one node believes about one member, itself included. */
export interface MemberSeen {
  readonly name: string;
  /** HOST:PORT */
  readonly address: string;
  readonly state: "alive" | "suspect" | "dead" | "left";
  readonly incarnation: number;
}

/** Returns members as one text each, in an order of their own. */
export function roster(members: readonly MemberSeen[]): string[] {
  return members
    .map(({ name, address, state, incarnation }) => `${name} ${address} ${state}@${incarnation}`)
    .toSorted();
}
