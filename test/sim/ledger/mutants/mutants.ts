import type { Mutant } from "./mutant.ts";

const storm = { membership: "flapping", weather: "storm" } as const;
const majority = { writeCopies: "majority", ...storm } as const;
const one = { writeCopies: "1", ...storm } as const;
const all = { writeCopies: "all", ...storm } as const;

/** What breaks the promise of a setting with which nothing that was acknowledged changes. */
const unfaithful = ["lost", "changed", "reader", "fork", "order", "twice", "batch"];

export const mutants: readonly Mutant[] = [
  {
    name: "promises-are-forgotten",
    rule: "A holder refuses every message whose epoch is below what it promised",
    edits: [
      {
        file: "src/sync/terms.ts",
        find: `  if (compareEpochs(epoch, terms.promised) < 0) return { kind: "refused", promised: terms.promised };
  // Two nodes`,
        replace: "  // Two nodes",
      },
      {
        file: "src/node/replication/adoption.ts",
        find: "if (promised === undefined || compareEpochs(promised, epoch) <= 0) return;",
        replace: "if (promised === undefined || epoch.counter > 0) return;",
      },
    ],
    finds: unfaithful,
    range: majority,
  },
  {
    name: "own-promise-is-lowered",
    rule: "A node that takes over promises nothing below what it promised another",
    edits: [
      {
        file: "src/node/replication/takeover.ts",
        find: "(isCreation || compareEpochs(claim.epoch, before.promised) <= 0)",
        replace: "isCreation",
      },
      {
        file: "src/sync/takeover.ts",
        find: "return { counter: Math.max(1, ...seen.map(({ counter }) => counter)) + 1, nodeId };",
        replace: "return { counter: Math.max(1, ...seen.map(({ counter }) => counter - 1)) + 1, nodeId };",
      },
    ],
    finds: [...unfaithful, "differ"],
    range: majority,
  },
  {
    name: "one-promise-is-enough",
    rule: "A takeover needs promises from a majority of the holders",
    edits: [
      {
        file: "src/sync/promise-count.ts",
        find: "return promised >= promisesRequired(this.#writeCopies, this.#holders.length);",
        replace: "return promised >= 1;",
      },
    ],
    finds: unfaithful,
    range: majority,
  },
  {
    name: "own-history-stands",
    rule: "A takeover adopts the history that stands before anything else",
    edits: [
      {
        file: "src/node/replication/takeover.ts",
        find: "if (best !== undefined && best.nodeId !== selfId)",
        replace: "if (best === undefined)",
      },
    ],
    finds: unfaithful,
    range: majority,
  },
  {
    name: "accepted-before-it-is-here",
    rule: "The new epoch is accepted once the whole history is adopted, not when it is promised",
    edits: [
      {
        file: "src/node/replication/takeover.ts",
        find: "accepted: isCreation ? claim.epoch : promised.accepted }",
        replace: "accepted: claim.epoch }",
      },
    ],
    finds: [...unfaithful, "differ"],
    range: majority,
  },
  {
    name: "one-copy-too-few",
    rule: "An entry is committed when W holders have it",
    edits: [
      {
        file: "src/sync/takeover.ts",
        find: "[required - 1] ?? 0",
        replace: "[Math.max(0, required - 2)] ?? 0",
      },
    ],
    finds: [...unfaithful, "copies"],
    range: majority,
  },
  {
    name: "copies-of-older-epochs-count",
    rule: "Committed is what W holders have under this epoch",
    edits: [
      {
        file: "src/sync/terms.ts",
        find: `  if (!isAccepted) return { kind: "behind", latest };\n`,
        replace: "  void isAccepted;\n",
      },
      {
        file: "src/sync/terms.ts",
        find: `: { kind: "behind", latest };\n}`,
        replace: `: { kind: "extend", skip: 0 };\n}`,
      },
      {
        file: "src/sync/lead.ts",
        find: "const mustAdopt = start.latest > 0;",
        replace: "const mustAdopt = false;",
      },
      {
        file: "src/sync/lead.ts",
        find: "this.#followers.set(nodeId, { acked: -1, sent: 0,",
        replace: "this.#followers.set(nodeId, { acked: -1, sent: start.latest,",
      },
    ],
    finds: [...unfaithful, "differ", "copies"],
    range: majority,
  },
  {
    name: "suffixes-stay",
    rule: "A holder with another history is brought to the home's: what it has beyond is taken out",
    edits: [
      {
        file: "src/node/replication/adoption.ts",
        find: "if (own.latest > common) {",
        replace: "if (own.latest > common && own.latest < 0) {",
      },
    ],
    finds: [...unfaithful, "differ"],
    range: majority,
  },
  {
    name: "everything-counts-as-committed",
    rule: "Reads show only the committed prefix, of which a holder is told",
    edits: [
      {
        file: "src/ledger/shared-context.ts",
        find: "    this.#observer.stored(this.#state, rows);\n",
        replace: "    this.#observer.stored(this.#state, rows);\n    this.commit(local?.latest ?? 0);\n",
      },
    ],
    finds: [...unfaithful, "copies"],
    range: majority,
  },
  {
    name: "acknowledged-before-it-is-committed",
    rule: "The client is answered when the entry is committed",
    edits: [
      {
        file: "src/ledger/shared-context.ts",
        find: "if (through <= (this.#state.head?.latest ?? 0)) return unit.committed();",
        replace: "if (through > 0) return unit.committed();",
      },
    ],
    finds: [...unfaithful, "copies"],
    range: majority,
  },
  {
    name: "retries-become-entries",
    rule: "An idempotency key is one entry on every node and after every merge",
    edits: [
      {
        file: "src/ledger/appender.ts",
        find: "const stored = ids.size === 0 ? noEntries : await this.#lookUp(state, [...ids]);",
        replace: "const stored = ids.size < 0 ? await this.#lookUp(state, [...ids]) : noEntries;",
      },
    ],
    finds: ["twice"],
    range: majority,
  },
  {
    name: "epochs-are-used-again",
    rule: "A takeover's counter is above the highest seen",
    edits: [
      {
        file: "src/sync/takeover.ts",
        find: "return { counter: Math.max(1, ...seen.map(({ counter }) => counter)) + 1, nodeId };",
        replace: "return { counter: Math.max(2, ...seen.map(({ counter }) => counter)), nodeId };",
      },
      {
        file: "src/node/replication/takeover.ts",
        find: "(isCreation || compareEpochs(claim.epoch, before.promised) <= 0)",
        replace: "(isCreation || compareEpochs(claim.epoch, before.promised) < 0)",
      },
    ],
    finds: [...unfaithful, "differ", "holders"],
    range: majority,
  },
  {
    name: "homes-do-not-yield",
    rule: "A home that hears of a later epoch stops",
    edits: [
      {
        file: "src/node/replication/home.ts",
        find: "if (this.#lead !== undefined && compareEpochs(this.#lead.epoch, epoch) < 0) this.end();",
        replace: "void epoch;",
      },
    ],
    finds: [...unfaithful, "differ", "copies", "error", "holders"],
    range: majority,
  },
  {
    name: "batches-are-cut",
    rule: "A batch travels and is stored as one unit",
    edits: [
      {
        file: "src/node/replication/context-replica.ts",
        find: "const rows = item.rows.slice(verdict.skip);",
        replace: "const rows = item.rows.slice(verdict.skip, verdict.skip + 1);",
      },
    ],
    finds: ["batch"],
    range: majority,
  },
  {
    name: "archives-are-not-offered",
    rule: "What lost its place is offered to the home until it is in the committed history",
    edits: [
      {
        file: "src/node/replication/archive-keeper.ts",
        find: "if (!(await this.#offer(archive))) return false;",
        replace: "if (archive.last > 0 || !(await this.#offer(archive))) return false;",
      },
    ],
    finds: ["archive", "lost"],
    range: one,
  },
  {
    name: "archives-are-forgotten",
    rule: "An archive is kept until everything of it is in the committed history",
    edits: [
      {
        file: "src/node/replication/archive-keeper.ts",
        find: "if (!(await this.#offer(archive))) return false;",
        replace: "if (archive.last < 0 && !(await this.#offer(archive))) return false;",
      },
    ],
    finds: ["lost"],
    range: one,
  },
  {
    name: "merges-append-twice",
    rule: "The home re-appends what it lacks by id",
    edits: [
      {
        file: "src/node/replication/archive-keeper.ts",
        find: "for (const { wire } of page) ids.delete(decodeEntry(wire).id);",
        replace: "void page;",
      },
      {
        file: "src/ledger/appender.ts",
        find: "              const found = stored.get(id);",
        replace: "              const found = input.id === undefined ? stored.get(id) : undefined;",
      },
    ],
    finds: ["twice"],
    range: one,
  },
  {
    name: "new-holders-without-promises",
    rule: "New holders are stored under an epoch that enough of the old ones promised",
    edits: [
      {
        file: "src/node/replication/holder-transfer.ts",
        find: "const { candidates } = await askForPromises(parts, round);",
        replace: "const candidates = [round.own];\n  void askForPromises;",
      },
    ],
    finds: [...unfaithful, "differ"],
    range: { ...majority, nodes: 8 },
  },
  {
    name: "few-promises-between-holders",
    rule: "While a holder comes or goes, promises and copies of the old and the new ones still have one in common",
    edits: [
      {
        file: "src/core/write-copies.ts",
        find: `return writeCopies === "1" ? 1 : Math.floor(holders / 2) + 1;`,
        replace: `return writeCopies === "1" ? 1 : holders - copiesRequired(writeCopies, holders) + 1;`,
      },
    ],
    finds: unfaithful,
    range: { ...all, nodes: 8 },
  },
  {
    name: "former-holders-delete-at-once",
    rule: "A former holder deletes its copy once every holder has all of it",
    edits: [
      {
        file: "src/node/replication/giving-up.ts",
        find: "for (const nodeId of terms.holders) {",
        replace: "for (const nodeId of terms.holders.slice(0, 0)) {",
      },
    ],
    finds: ["lost"],
    range: one,
  },
  {
    name: "former-holders-offer-nothing",
    rule: "With one copy, who gives its copy up offers what a later epoch began without",
    edits: [
      {
        file: "src/node/replication/giving-up.ts",
        find: `const isLost = rules.writeCopies === "1" && order > 0;`,
        replace: `const isLost = rules.writeCopies === "1" && order > 0 && latest < 0;`,
      },
    ],
    finds: ["lost", "differ"],
    range: { writeCopies: "1", membership: "flapping", from: 70_130 },
  },
  {
    name: "contexts-begin-without-asking",
    rule: "A context is begun when nobody who may have it is silent",
    edits: [
      {
        file: "src/node/replication/new-context.ts",
        find: `if (rules.writeCopies === "1") return;`,
        replace: "if (contextId.length > 0) return;",
      },
    ],
    finds: [...unfaithful, "load"],
    range: { ...majority, weather: "usual" },
  },
  {
    name: "the-missing-are-unknown",
    rule: "Who joins hears of the dead from those who are there",
    edits: [
      {
        file: "src/swim/exchanges.ts",
        find: "this.#rumours.gone(asAlive, state === nodeStates.left);",
        replace: "return;",
      },
    ],
    finds: unfaithful,
    range: { writeCopies: "majority", membership: "swim", from: 20_020 },
  },
  {
    name: "archives-in-any-order",
    rule: "What had its place before is offered before",
    edits: [
      {
        file: "src/node/replication/archive-keeper.ts",
        find: "if (lead === undefined || !sameEpoch(lead.epoch, epoch)) throw notHome(contextId);",
        replace: "if (lead === undefined && sameEpoch(epoch, epoch)) throw notHome(contextId);",
      },
      {
        file: "src/node/replication/archive-keeper.ts",
        find: "archives.toSorted((a, b) => a.first - b.first || a.log - b.log)",
        replace: "archives.toSorted((a, b) => a.log - b.log)",
      },
      {
        file: "src/node/replication/archive-keeper.ts",
        find: "if (epoch === undefined || next?.log !== archive.log) return false;",
        replace: "if (epoch === undefined || next === undefined) return false;",
      },
    ],
    finds: ["order"],
    range: { writeCopies: "1", membership: "flapping", from: 10_130 },
  },
  {
    name: "copies-are-not-compared",
    rule: "On recovery and at intervals nodes compare what they have",
    edits: [
      {
        file: "src/node/replication/anti-entropy.ts",
        find: "const buckets = await digests.differing(nodeId, this.#timing.askMs);",
        replace:
          "const buckets: readonly number[] = [];\n    if (this.#isStopped) await digests.differing(nodeId, 1);",
      },
    ],
    finds: ["differ", "holders", "archive"],
    range: majority,
  },
];
