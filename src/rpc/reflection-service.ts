import { createRegistry, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";

type Answer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** What the requests of both versions of the service have in common. */
interface ReflectionRequest {
  readonly host: string;
  readonly messageRequest:
    | {
        readonly case:
          "listServices" | "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType";
        readonly value: string;
      }
    | {
        readonly case: "fileContainingExtension";
        readonly value: { readonly containingType: string; readonly extensionNumber: number };
      }
    | { readonly case: undefined };
}

interface ReflectionAnswer {
  readonly validHost: string;
  readonly originalRequest: { readonly host: string };
  readonly messageResponse: Answer;
}

/**
 * Returns the one method of the reflection services: it tells clients such as grpcurl what services there
 * are and what their messages look like. The messages of v1 and v1alpha differ in nothing but their package.
 * [gRPC server reflection](https://github.com/grpc/grpc/blob/master/doc/server-reflection.md)
 */
export function createReflection(
  services: readonly DescService[],
): (requests: AsyncIterable<ReflectionRequest>) => AsyncGenerator<ReflectionAnswer> {
  const files = new Map<string, DescFile>();
  for (const service of services) addFile(files, service.file);
  const registry = createRegistry(...files.values());

  function answer(request: ReflectionRequest["messageRequest"]): Answer {
    switch (request.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename":
        return fileAnswer(files.get(request.value), request.value);
      case "fileContainingSymbol":
        return fileAnswer(fileOf(request.value), request.value);
      case "fileContainingExtension":
        return notFound(`${request.value.containingType} has no extension ${request.value.extensionNumber}`);
      case "allExtensionNumbersOfType":
        return registry.getMessage(request.value) === undefined
          ? notFound(request.value)
          : { case: "allExtensionNumbersResponse", value: { baseTypeName: request.value } };
      case undefined:
        return {
          case: "errorResponse",
          value: { errorCode: Code.InvalidArgument, errorMessage: "message_request is missing" },
        };
    }
  }

  /** Finds a type by its name, or the type that a method, field or enum value belongs to. */
  function fileOf(symbol: string): DescFile | undefined {
    const parent = symbol.slice(0, Math.max(0, symbol.lastIndexOf(".")));
    return (registry.get(symbol) ?? registry.get(parent))?.file;
  }

  return async function* reflect(requests) {
    for await (const request of requests) {
      yield {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answer(request.messageRequest),
      };
    }
  };
}

function addFile(files: Map<string, DescFile>, file: DescFile): void {
  if (files.has(file.proto.name)) return;
  files.set(file.proto.name, file);
  for (const dependency of file.dependencies) addFile(files, dependency);
}

/** Answers a file followed by everything it imports. */
function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return notFound(asked);
  const closure = new Map<string, DescFile>();
  addFile(closure, file);
  const fileDescriptorProto = [...closure.values()].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(what: string): Answer {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: `not found: ${what}` } };
}
