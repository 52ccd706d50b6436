import { limits } from "../core/limits.ts";

/** The part of Bun's FileSink that is needed. A flush that cannot end at once answers with a promise. */
export interface ByteSink {
  write(text: string): number | Promise<number>;
  flush(): number | Promise<number>;
}

/**
 * Returns a function that writes one line at a time, never throws and never waits. While a reader is
 * too slow at most `logPendingBytesMax` are kept; further lines are counted and their number is
 * written by `droppedLine` once there is room. A closed reader loses all lines.
 *
 * A full pipe that is open but never read keeps Bun's event loop alive, so the process must end by `process.exit`.
 */
export function lineOutput(sink: ByteSink, droppedLine: (count: number) => string): (line: string) => void {
  let pendingBytes = 0;
  let dropped = 0;

  const put = (line: string): void => {
    try {
      const written = sink.write(line);
      if (written instanceof Promise) written.catch(() => {});
      const flushed = sink.flush();
      if (!(flushed instanceof Promise)) return;
      pendingBytes += line.length;
      const settled = () => {
        pendingBytes -= line.length;
      };
      flushed.then(settled, settled);
    } catch {
      // The reader has closed. The log is the last to complain, and nobody is left to tell.
    }
  };

  return (line) => {
    if (pendingBytes >= limits.logPendingBytesMax) {
      dropped += 1;
      return;
    }
    if (dropped > 0) {
      const count = dropped;
      dropped = 0;
      put(droppedLine(count));
    }
    put(line);
  };
}
