import type { Tools } from "../../src/cli/tools.ts";
import { loadHasher } from "../../src/hash/load-hasher.ts";

/** What commands need that serve nothing and touch no data directory; with anything else the command fails. */
export const clientTools: Tools = {
  serve: () => Promise.reject(new Error("serve was called")),
  loadHasher,
  verifyData: () => {
    throw new Error("verifyData was called");
  },
  changeKeys: () => Promise.reject(new Error("changeKeys was called")),
  storedKeys: () => Promise.reject(new Error("storedKeys was called")),
};
