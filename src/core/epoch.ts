/**
 * One term of one writer of a context. Epochs are ordered by counter, then by node id; a holder that has promised one
 * listens to nothing below it.
 */
export interface Epoch {
  /** From 1 on: 1 is the creator's, whoever takes over has at least 2. 0 stands for none. */
  readonly counter: number;
  /** 32 lower-case hexadecimal digits; empty for none. */
  readonly nodeId: string;
}

/** Below every epoch. */
export const noEpoch: Epoch = { counter: 0, nodeId: "" };

/** Returns a number below, equal to or above 0 as `a` is below, equal to or above `b`. */
export function compareEpochs(a: Epoch, b: Epoch): number {
  if (a.counter !== b.counter) return a.counter - b.counter;
  return a.nodeId === b.nodeId ? 0 : a.nodeId < b.nodeId ? -1 : 1;
}

export function sameEpoch(a: Epoch, b: Epoch): boolean {
  return compareEpochs(a, b) === 0;
}

export function laterEpoch(a: Epoch, b: Epoch): Epoch {
  return compareEpochs(a, b) >= 0 ? a : b;
}
