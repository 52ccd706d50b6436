import { type Store, StoreError } from "../ledger/ports.ts";

/** The Store of a ledger that outlives its storage: while none is attached every call fails with `closed`. */
export class ReplaceableStore implements Store {
  #store: Store | undefined;

  attach(store: Store): void {
    this.#store = store;
  }

  detach(): void {
    this.#store = undefined;
  }

  head(...args: Parameters<Store["head"]>): ReturnType<Store["head"]> {
    return this.#use((store) => store.head(...args));
  }

  read(...args: Parameters<Store["read"]>): ReturnType<Store["read"]> {
    return this.#use((store) => store.read(...args));
  }

  findByIds(...args: Parameters<Store["findByIds"]>): ReturnType<Store["findByIds"]> {
    return this.#use((store) => store.findByIds(...args));
  }

  list(...args: Parameters<Store["list"]>): ReturnType<Store["list"]> {
    return this.#use((store) => store.list(...args));
  }

  totals(): ReturnType<Store["totals"]> {
    return this.#use((store) => store.totals());
  }

  newLog(): number {
    if (this.#store === undefined) throw closed();
    return this.#store.newLog();
  }

  commit(...args: Parameters<Store["commit"]>): ReturnType<Store["commit"]> {
    return this.#use((store) => store.commit(...args));
  }

  discard(...args: Parameters<Store["discard"]>): ReturnType<Store["discard"]> {
    return this.#use((store) => store.discard(...args));
  }

  #use<T>(call: (store: Store) => Promise<T>): Promise<T> {
    return this.#store === undefined ? Promise.reject(closed()) : call(this.#store);
  }
}

function closed(): StoreError {
  return new StoreError("closed", "the storage is not open");
}
