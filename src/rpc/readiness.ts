/** Whether one part of the server does its work. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** True if it does its work, and somebody should look after it all the same. */
  readonly degraded?: boolean;
  /** Why not, or what there is to say of it, without client data. */
  readonly detail?: string;
}

/** What the server says of itself to health checks. */
export interface Readiness {
  /** One line per part, in the order of their start. */
  checks(): readonly Check[];
  /** Everything known about the parts, for `/readyz?verbose`; plain data. */
  verbose(): unknown;
  /** Calls back whenever the outcome may have changed; returns how to stop that. */
  subscribe(listener: () => void): () => void;
}

/** Returns whether every part does its work. */
export function isReady(readiness: Readiness): boolean {
  return readiness.checks().every((check) => check.ok);
}
