import type { CliIo, Sink } from "../../src/cli/cli-io.ts";
import { encodeUtf8 } from "../../src/core/utf8.ts";

/** A terminal or pipes in memory. */
export interface MemoryIo extends CliIo {
  readonly written: { readonly out: () => string; readonly err: () => string };
}

export interface MemoryIoOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly isTerminal?: boolean;
}

export function memoryIo({ env = {}, input = "", isTerminal = false }: MemoryIoOptions = {}): MemoryIo {
  const out = memorySink(isTerminal);
  const err = memorySink(isTerminal);
  return {
    env,
    stdin: {
      isTerminal,
      bytes: async function* () {
        yield encodeUtf8(input);
      },
      close: () => {},
    },
    stdout: out.sink,
    stderr: err.sink,
    onInterrupt: () => () => {},
    written: { out: out.text, err: err.text },
  };
}

function memorySink(isTerminal: boolean): { readonly sink: Sink; readonly text: () => string } {
  const parts: Uint8Array[] = [];
  const write = (data: string | Uint8Array): Promise<void> => {
    parts.push(typeof data === "string" ? encodeUtf8(data) : data.slice());
    return Promise.resolve();
  };
  return { sink: { isTerminal, write }, text: () => Buffer.concat(parts).toString() };
}
