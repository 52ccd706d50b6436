import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import {
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";

/** What happens to one request on its way: it is refused, or its answer breaks off after some bytes. */
export type Fault = { readonly kind: "refused" } | { readonly kind: "cut"; readonly afterBytes: number };

/** Returns a fetch that answers from handlers in this process, with a fault for each request that `nextFault` names. */
export function fakeFetch(
  routes: (router: ConnectRouter) => void,
  nextFault: () => Fault | undefined = () => undefined,
): typeof globalThis.fetch {
  const router = createConnectRouter();
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const answer = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const fault = nextFault();
    if (fault?.kind === "refused") throw new TypeError("connection refused");
    const request = input instanceof Request ? input : new Request(input.toString(), init);
    const handler = handlers.get(new URL(request.url).pathname);
    if (handler === undefined) return new Response("not found", { status: 404 });
    const response = universalServerResponseToFetch(
      await handler(universalServerRequestFromFetch(request, { httpVersion: "2" })),
    );
    return fault === undefined ? response : cut(response, fault.afterBytes);
  };
  return Object.assign(answer, { preconnect: (): void => {} });
}

function cut(response: Response, afterBytes: number): Response {
  let left = afterBytes;
  const body = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        if (left > 0) controller.enqueue(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) controller.error(new TypeError("connection reset"));
      },
    }),
  );
  return new Response(body ?? null, response);
}
