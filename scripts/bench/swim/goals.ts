/** What a simulated cluster has to reach, as docs/benchmarks.md lists it. */
export interface Goals {
  readonly crashP50Seconds: number;
  readonly crashMaxSeconds: number;
  readonly joinBy99Seconds: number;
  readonly joinByAllSeconds: number;
  readonly leaveBy99Seconds: number;
  readonly refutationP99Seconds: number;
  readonly massCrashSeconds: number;
  readonly partitionSeconds: number;
  readonly massRestartSeconds: number;
  readonly wallSeconds: number;
  readonly memoryMb: number;
}

export const goalsOf1k: Goals = {
  crashP50Seconds: 16,
  crashMaxSeconds: 20,
  joinBy99Seconds: 2,
  joinByAllSeconds: 4,
  leaveBy99Seconds: 2,
  refutationP99Seconds: 5,
  massCrashSeconds: 40,
  partitionSeconds: 90,
  massRestartSeconds: 60,
  wallSeconds: 20,
  memoryMb: 600,
};

export const goalsOf10k: Goals = {
  crashP50Seconds: 21,
  crashMaxSeconds: 27,
  joinBy99Seconds: 3,
  joinByAllSeconds: 6,
  leaveBy99Seconds: 3,
  refutationP99Seconds: 6,
  massCrashSeconds: 60,
  partitionSeconds: 300,
  massRestartSeconds: 120,
  wallSeconds: 300,
  memoryMb: 6000,
};

/** The same for every size. */
export const everyGoal = {
  probeMessagesPerSecond: 2.2,
  otherPacketsPerSecond: 0,
  packetBytesPerSecond: 500,
  growth: 1.1,
  falseDeaths: 0,
  unrefuted: 0,
  lifeguard: 20,
} as const;
