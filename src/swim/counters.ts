import type { Refusal } from "./wire/refusal.ts";

/** What a node has done and met since it started. */
export interface Counters {
  /** Probes by how they ended. */
  probesAnswered: number;
  /** Only a helper, or a stream, brought the answer. */
  probesAnsweredIndirectly: number;
  probesFailed: number;
  /** Members that this node took for suspect or dead, by its own probes or on others' word. */
  suspicions: number;
  deaths: number;
  /** Times this node contradicted what was said about it. */
  refutations: number;
  nameConflicts: number;
  /** Whole states that were not merged because of their versions. */
  versionsRefused: number;
  /** Well-formed messages that say what cannot be, such as addresses of 5 bytes. */
  invalidMessages: number;
  /** Packets and streams that were not read. */
  refused: Partial<Record<Refusal, number>>;
}

export function newCounters(): Counters {
  return {
    probesAnswered: 0,
    probesAnsweredIndirectly: 0,
    probesFailed: 0,
    suspicions: 0,
    deaths: 0,
    refutations: 0,
    nameConflicts: 0,
    versionsRefused: 0,
    invalidMessages: 0,
    refused: {},
  };
}
