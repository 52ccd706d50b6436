import { type Cursor, parseResumeToken, sequenceCursor } from "../core/cursor.ts";

/** Returns the cursor a watch request names: its resume token, or its sequence, which 2^64-1 makes the newest. */
export function watchCursor(fromSequence: bigint, resumeToken: Uint8Array): Cursor {
  if (resumeToken.length > 0) return parseResumeToken(resumeToken, "resume_token");
  return sequenceCursor(fromSequence);
}
