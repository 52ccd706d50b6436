import { createMemoryStore } from "../../src/store/memory-store.ts";
import { testStoreContract } from "./store-contract.ts";

testStoreContract((use) => use(createMemoryStore()));
