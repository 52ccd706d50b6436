import type { MemberSeen } from "./member-seen.ts";

/** A node of a cluster in a process of its own: hashicorp/memberlist, or the built executable. */
export interface ClusterNode extends AsyncDisposable {
  readonly name: string;
  /** HOST:PORT of its gossip. */
  readonly address: string;
  members(): Promise<readonly MemberSeen[]>;
  /** Rejects if no member is reached there. */
  join(address: string): Promise<void>;
  /** Says good-bye; the process goes on. */
  leave(): Promise<void>;
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Everything it has logged. */
  log(): string;
}
