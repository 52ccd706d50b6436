/** PEM texts of a certificate chain and its private key. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

export interface Listener {
  /** Where it listens. */
  readonly port: number;
  /** Resolves with the reason if the listener can no longer accept connections. */
  readonly crashed: Promise<Error>;
  /** Stops accepting; resolves when every call has ended, or has been cut after `graceMs`. Later calls wait with the first. */
  stop(graceMs: number): Promise<void>;
}
