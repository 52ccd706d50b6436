import type { NodeContext } from "./node-context.ts";
import {
  anyVersions,
  delegateWithin,
  fits,
  isFlexible,
  narrow,
  ownVersions,
  type VersionRange,
} from "./versions.ts";

/** Of members at the same time, so that what a newcomer costs does not grow with those there are. */
const differentVersionsMax = 64;

/**
 * Keeps a cluster to versions that all of its members understand, by
 * [memberlist's rule](https://github.com/hashicorp/memberlist/blob/master/state.go): the current versions of each must lie
 * within the ranges of all. Ledger nodes move to the version of the application that others want.
 */
export class VersionAgreement {
  readonly #node: NodeContext;

  constructor(node: NodeContext) {
    this.#node = node;
  }

  /** Returns why newcomers with these versions cannot be members beside those there are; undefined if they can. */
  refusal(newcomers: Iterable<Uint8Array>): string | undefined {
    const strangers = [...newcomers].filter((versions) => !isFlexible(versions));
    if (strangers.length === 0) return undefined;
    const members = this.#members();
    if (members.length > differentVersionsMax)
      return `there are ${members.length} different versions already`;
    const range = [...strangers, ...members].reduce(narrow, anyVersions);
    const misfit = [...strangers, ...members].find((versions) => !fits(range, versions));
    if (misfit === undefined) return undefined;
    const { protocolMin, protocolMax, delegateMin, delegateMax } = range;
    return `versions ${[...misfit].join(".")} do not fit: all members speak protocol ${protocolMin} to ${protocolMax} and delegate ${delegateMin} to ${delegateMax}`;
  }

  /** Returns what all members that are alive understand. */
  range(): VersionRange {
    return this.#members().reduce(narrow, anyVersions);
  }

  /** Moves to a version that a new member understands, and calls `announce` if that is another than before. */
  adapt(versions: Uint8Array, announce: () => void): void {
    if (isFlexible(versions)) return;
    const { self } = this.#node;
    const current = self.versions[5] ?? 0;
    const wanted = delegateWithin(this.range(), current);
    if (wanted === current) return;
    self.versions = ownVersions(wanted);
    announce();
  }

  /** Returns all versions that there are. They are few: ledger nodes, however many, are no narrower than this one. */
  #members(): Uint8Array[] {
    const { table, self } = this.#node;
    return [self.versions, ...table.strangeVersions()];
  }
}
