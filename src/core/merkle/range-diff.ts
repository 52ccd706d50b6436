/**
 * Finds where two logs differ by comparing nodes of their RFC 6962 trees from the top down, 16 children of each that
 * differs at a time. One different leaf among a million takes six round trips and less than 3 KB.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { type Hash, hashBytes, type Hasher } from "../hasher.ts";
import { limits } from "../limits.ts";
import { sameBytes } from "../snapshot/same-bytes.ts";
import { completeParts, type NodeRef, rootRef } from "./node-ref.ts";

export interface DiffedTrees {
  readonly ownSize: number;
  readonly otherSize: number;
  /** How many hashes of the other tree may be asked for before the rest is told roughly. */
  readonly hashesMax?: number;
}

/** `count` neighbours on one level. They are complete in both trees. */
export interface NodeRun {
  readonly level: number;
  readonly first: number;
  readonly count: number;
}

/** The packed hashes of all nodes that were asked for, in the order of the runs, in both trees. */
export interface DiffAnswers {
  readonly own: Uint8Array;
  readonly other: Uint8Array;
}

/** Leaf indexes, `to` exclusive. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

export type TreeSide = "own" | "other";

export type RangeDiff =
  | {
      readonly kind: "compared";
      /** Every leaf that both trees have and that differs is in one of these; ascending, with gaps between them. */
      readonly differing: readonly LeafRange[];
      /** False if hashesMax did not suffice: the ranges may then contain leaves that do not differ. */
      readonly isExact: boolean;
      /** The leaves that only one tree has room for, and which tree has not. */
      readonly missing: (LeafRange & { readonly side: TreeSide }) | undefined;
    }
  /** One tree answered what cannot be: the other node lies, or stored hashes are damaged. */
  | { readonly kind: "contradiction"; readonly side: TreeSide; readonly detail: string };

/**
 * Compares two trees. Yields the nodes to ask both for, at most `limits.diffBatchHashesMax` at once, takes their
 * hashes and returns where the trees differ. The leftmost differences are looked for first, so the first one is
 * exact unless hashesMax is less than 16 batches.
 */
export function* rangeDiff(
  trees: DiffedTrees,
  hasher: Hasher,
): Generator<readonly NodeRun[], RangeDiff, DiffAnswers> {
  const common = Math.min(trees.ownSize, trees.otherSize);
  assert(Number.isSafeInteger(common) && common >= 0, "trees have a whole number of leaves");
  let hashesLeft = trees.hashesMax ?? limits.diffHashesMax;
  const differing: LeafRange[] = [];
  /** Differing nodes that are not leaves; the leftmost is the last. */
  const pending: DifferingNode[] = [];
  let questions = common === 0 ? [] : completeParts(rootRef(common, "rfc6962"), common).map(askForNode);
  while (questions.length > 0) {
    const answers = yield questions.map(({ run }) => run);
    const fault = faultOf(questions, answers, hasher);
    if (fault !== undefined) return fault;
    const found = differingNodes(questions, answers);
    for (const { level, index } of found) if (level === 0) differing.push({ from: index, to: index + 1 });
    pending.push(...found.filter(({ level }) => level > 0).reverse());
    questions = nextQuestions(pending, hashesLeft);
    hashesLeft -= questions.reduce((sum, { run }) => sum + run.count, 0);
  }
  for (const { level, index } of pending)
    differing.push({ from: index * 2 ** level, to: (index + 1) * 2 ** level });
  return {
    kind: "compared",
    differing: joined(differing),
    isExact: pending.length === 0,
    missing: tail(trees),
  };
}

/** Levels that one round trip goes down; it ends on a multiple of this, where tiles have their elements. */
const stepLevels = 4;

interface DifferingNode extends NodeRef, DiffAnswers {}

interface Question {
  readonly run: NodeRun;
  /** The node whose children are asked for; undefined at the beginning. */
  readonly parent: DifferingNode | undefined;
}

function askForNode({ level, index }: NodeRef): Question {
  return { run: { level, first: index, count: 1 }, parent: undefined };
}

/** Takes nodes from the left out of `pending`, as many as one batch and the rest of the budget allow. */
function nextQuestions(pending: DifferingNode[], hashesLeft: number): Question[] {
  const questions: Question[] = [];
  let room = Math.min(limits.diffBatchHashesMax, hashesLeft);
  for (;;) {
    const parent = pending.at(-1);
    if (parent === undefined) return questions;
    const level = stepLevels * (Math.ceil(parent.level / stepLevels) - 1);
    const count = 2 ** (parent.level - level);
    if (count > room) return questions;
    room -= count;
    pending.pop();
    questions.push({ run: { level, first: parent.index * count, count }, parent });
  }
}

/** Tells if an answer has another length than asked for, or if children do not hash to the parent their side told. */
function faultOf(
  questions: readonly Question[],
  answers: DiffAnswers,
  hasher: Hasher,
): RangeDiff | undefined {
  const asked = questions.reduce((sum, { run }) => sum + run.count, 0);
  for (const side of ["own", "other"] as const) {
    const answer = answers[side];
    if (answer.length !== hashBytes * asked)
      return contradiction(side, `${asked} hashes were asked for, ${answer.length} bytes answered`);
    let at = 0;
    for (const { run, parent } of questions) {
      const children = answer.subarray(at, at + hashBytes * run.count);
      at += children.length;
      if (parent === undefined || sameBytes(subtreeRoot(children, hasher), parent[side])) continue;
      const { level, index } = parent;
      return contradiction(
        side,
        `the node at level ${level}, index ${index} is not the hash of its children`,
      );
    }
  }
  return undefined;
}

function contradiction(side: TreeSide, detail: string): RangeDiff {
  return { kind: "contradiction", side, detail };
}

function subtreeRoot(nodes: Uint8Array, hasher: Hasher): Hash {
  let level = nodes;
  while (level.length > hashBytes) level = hasher.parents(level, "rfc6962");
  return level;
}

/** Returns the nodes that differ, from the left. */
function differingNodes(questions: readonly Question[], answers: DiffAnswers): DifferingNode[] {
  const nodes: DifferingNode[] = [];
  let at = 0;
  for (const { run } of questions)
    for (let i = 0; i < run.count; i += 1) {
      const own = answers.own.subarray(at, at + hashBytes);
      const other = answers.other.subarray(at, at + hashBytes);
      at += hashBytes;
      // Copied, because one hash must not keep its batch in memory.
      if (!sameBytes(own, other))
        nodes.push({ level: run.level, index: run.first + i, own: own.slice(), other: other.slice() });
    }
  return nodes;
}

/** Returns the ranges in ascending order, those that touch joined. */
function joined(ranges: readonly LeafRange[]): readonly LeafRange[] {
  const ascending = ranges.toSorted((a, b) => a.from - b.from);
  const result: LeafRange[] = [];
  for (const range of ascending) {
    const before = result.at(-1);
    if (before?.to === range.from) result[result.length - 1] = { from: before.from, to: range.to };
    else result.push(range);
  }
  return result;
}

function tail({ ownSize, otherSize }: DiffedTrees): (LeafRange & { side: TreeSide }) | undefined {
  if (ownSize === otherSize) return undefined;
  const side = ownSize < otherSize ? "own" : "other";
  return { side, from: Math.min(ownSize, otherSize), to: Math.max(ownSize, otherSize) };
}
