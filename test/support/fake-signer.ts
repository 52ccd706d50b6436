import type { CheckpointSigner } from "../../src/ledger/integrity.ts";

/** Signs with nothing, and remembers what it was given: `<origin>` and `<body>`. */
export class FakeSigner implements CheckpointSigner {
  readonly logName = "test.local/n1";
  readonly signed: { readonly origin: string; readonly body: string }[] = [];

  async sign(origin: string, body: string): Promise<string> {
    this.signed.push({ origin, body });
    return `${body}\n— ${origin} signature\n`;
  }

  async verifierKeys(origin: string): Promise<readonly string[]> {
    return [`${origin}+00000000+key`];
  }
}
