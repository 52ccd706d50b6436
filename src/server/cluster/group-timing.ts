/** How long things about groups may take, in milliseconds. */
export interface GroupTiming {
  /** For one answer of another node; longer than groups take to settle. */
  readonly callMs: number;
  /** A broadcast, or a question who is there, is begun again for so long if nothing was done. */
  readonly retryMs: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** For a join until it is taken by the home. */
  readonly joinMs: number;
  /** A member whose group has no home for so long is told. */
  readonly homelessMs: number;
  /** After a change of who is there, nodes have so long to announce their members to new homes. */
  readonly settleMs: number;
  /** Changes that follow each other put that off for no longer than this. */
  readonly settleMsMax: number;
  /** Every so often it is looked where groups are at home. */
  readonly auditMs: number;
  /** For a node to say how many watch there. */
  readonly watchersMs: number;
}

export const groupTiming: GroupTiming = {
  callMs: 3000,
  retryMs: 5000,
  retryMsMin: 25,
  retryMsMax: 1000,
  joinMs: 5000,
  homelessMs: 15_000,
  settleMs: 1000,
  settleMsMax: 2000,
  auditMs: 5000,
  watchersMs: 1000,
};
