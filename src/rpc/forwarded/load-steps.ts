import { create } from "@bufbuild/protobuf";
import { LoadRequestSchema, type LoadResponse } from "../../gen/converge/context/v1/context_pb.ts";
import { LoadStepAnswerSchema, LoadStepSchema } from "../../gen/converge/peer/v1/forward_pb.ts";
import type { LoadInput, LoadResult } from "../../ledger/loader.ts";
import { loadMessage } from "../messages.ts";
import { type ForwardedCall, messageCall } from "./forwarded-call.ts";

/** One step of a load on another node. */
export type LoadStep =
  | { readonly kind: "begin"; readonly input: LoadInput }
  | { readonly kind: "chunk"; readonly load: bigint; readonly bytes: Uint8Array }
  | { readonly kind: "end" | "abandon"; readonly load: bigint };

export interface LoadStepAnswer {
  /** What the load is called there. */
  readonly load: bigint;
  readonly nodeId: string;
  /** After the end. */
  readonly result: LoadResult | undefined;
}

export const forwardedLoad: ForwardedCall<LoadStep, LoadStepAnswer> = messageCall(
  "load",
  { question: LoadStepSchema, answer: LoadStepAnswerSchema },
  {
    toQuestion(step: LoadStep) {
      if (step.kind === "begin") return { options: create(LoadRequestSchema, step.input) };
      const { load, kind } = step;
      if (kind === "chunk") return { load, chunk: step.bytes };
      return { load, last: kind === "end", abandoned: kind === "abandon" };
    },
    toInput({ load, options, chunk, last, abandoned }): LoadStep {
      if (options !== undefined) {
        const { contextId, failIfExists, expectedRoot, allowUnverified } = options;
        return { kind: "begin", input: { contextId, failIfExists, expectedRoot, allowUnverified } };
      }
      if (abandoned) return { kind: "abandon", load };
      return last ? { kind: "end", load } : { kind: "chunk", load, bytes: chunk };
    },
    toAnswer: ({ load, nodeId, result }: LoadStepAnswer) => ({
      ...{ load, nodeId },
      ...(result === undefined ? {} : { result: loadMessage(result) }),
    }),
    toOutput: ({ load, nodeId, result }) => ({
      ...{ load, nodeId, result: result === undefined ? undefined : loadResult(result) },
    }),
  },
);

function loadResult(message: LoadResponse): LoadResult {
  const { entriesRestored, entriesAdded, latestSequence, unverified, resumeToken } = message;
  return {
    ...{ entriesRestored: Number(entriesRestored), entriesAdded: Number(entriesAdded) },
    ...{ latestSequence: Number(latestSequence), unverified, resumeToken },
  };
}
