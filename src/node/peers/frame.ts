import { assert } from "../../core/assert.ts";

/** Kinds of frames, as `proto/converge/peer/v1/peer.proto` describes them. */
export const frameKind = {
  request: 1,
  open: 2,
  cancel: 3,
  credit: 4,
  answer: 5,
  item: 6,
  error: 7,
  end: 8,
  more: 9,
  ping: 10,
  pong: 11,
} as const;

/** Kind, id and length. */
export const frameHeadBytes = 13;

/** One frame as it came; `body` is a view of the record. */
export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** Calls `onFrame` with every frame of a record. Returns false if it is not made of frames, some of which may have been reported. */
export function readFrames(record: Uint8Array, onFrame: (frame: Frame) => void): boolean {
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  let at = 0;
  while (at < record.length) {
    if (record.length - at < frameHeadBytes) return false;
    const id = view.getUint32(at + 1) * 2 ** 32 + view.getUint32(at + 5);
    const length = view.getUint32(at + 9);
    const start = at + frameHeadBytes;
    if (!Number.isSafeInteger(id) || length > record.length - start) return false;
    onFrame({ kind: view.getUint8(at), id, body: record.subarray(start, start + length) });
    at = start + length;
  }
  return true;
}

/** Writes the head of a frame at `at`. */
export function writeFrameHead(
  view: DataView,
  at: number,
  frame: { readonly kind: number; readonly id: number; readonly length: number },
): void {
  assert(Number.isSafeInteger(frame.id), "ids are exact");
  view.setUint8(at, frame.kind);
  view.setUint32(at + 1, Math.floor(frame.id / 2 ** 32));
  view.setUint32(at + 5, frame.id >>> 0);
  view.setUint32(at + 9, frame.length);
}
