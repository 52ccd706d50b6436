import { errorOfConnect, type InteropClient, type Json } from "./interop-client.ts";

/** The Connect protocol in JSON by fetch: single answers only. A server that cannot be reached is UNAVAILABLE. */
export function fetchClient(url: string): InteropClient {
  return {
    async call(method, requests) {
      const [request] = Array.isArray(requests) ? requests : [requests];
      const body = JSON.stringify(request);
      const headers = { "content-type": "application/json" };
      try {
        const response = await fetch(`${url}/${method}`, { method: "POST", headers, body });
        const answer = (await response.json()) as Json;
        return response.ok
          ? { answers: [answer], error: undefined }
          : { answers: [], error: errorOfConnect(answer) };
      } catch (error) {
        return { answers: [], error: { code: "UNAVAILABLE", message: String(error), details: [] } };
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}
