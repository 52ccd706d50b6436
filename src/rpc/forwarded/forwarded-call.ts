import {
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";

/**
 * One operation of a ledger on its way from the node that was asked to the one that answers: what is asked and what is
 * answered, as bytes. What was encoded by one node is decoded by another as the same value.
 */
export interface ForwardedCall<Input, Output> {
  readonly method: string;
  encode(input: Input): Uint8Array;
  /** Throws if it is no message. */
  decode(body: Uint8Array): Input;
  encodeAnswer(output: Output): Uint8Array;
  /** Throws if it is no message. */
  decodeAnswer(body: Uint8Array): Output;
}

/** Returns the call whose question and answer are the messages of `schemas`. */
export function messageCall<Question extends DescMessage, Answer extends DescMessage, Input, Output>(
  method: string,
  schemas: { readonly question: Question; readonly answer: Answer },
  convert: {
    readonly toQuestion: (input: Input) => MessageInitShape<Question>;
    readonly toInput: (question: MessageShape<Question>) => Input;
    readonly toAnswer: (output: Output) => MessageInitShape<Answer>;
    readonly toOutput: (answer: MessageShape<Answer>) => Output;
  },
): ForwardedCall<Input, Output> {
  const { question, answer } = schemas;
  return {
    method,
    encode: (input) => toBinary(question, create(question, convert.toQuestion(input))),
    decode: (body) => convert.toInput(fromBinary(question, body)),
    encodeAnswer: (output) => toBinary(answer, create(answer, convert.toAnswer(output))),
    decodeAnswer: (body) => convert.toOutput(fromBinary(answer, body)),
  };
}
