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

  contentHashes(...args: Parameters<Store["contentHashes"]>): ReturnType<Store["contentHashes"]> {
    return this.#use((store) => store.contentHashes(...args));
  }

  subtreeRoots(...args: Parameters<Store["subtreeRoots"]>): ReturnType<Store["subtreeRoots"]> {
    return this.#use((store) => store.subtreeRoots(...args));
  }

  newestOfKey(...args: Parameters<Store["newestOfKey"]>): ReturnType<Store["newestOfKey"]> {
    return this.#use((store) => store.newestOfKey(...args));
  }

  repeatedId(...args: Parameters<Store["repeatedId"]>): ReturnType<Store["repeatedId"]> {
    return this.#use((store) => store.repeatedId(...args));
  }

  signedHead(...args: Parameters<Store["signedHead"]>): ReturnType<Store["signedHead"]> {
    return this.#use((store) => store.signedHead(...args));
  }

  unlogged(...args: Parameters<Store["unlogged"]>): ReturnType<Store["unlogged"]> {
    return this.#use((store) => store.unlogged(...args));
  }

  damaged(...args: Parameters<Store["damaged"]>): ReturnType<Store["damaged"]> {
    return this.#use((store) => store.damaged(...args));
  }

  nodeId(): ReturnType<Store["nodeId"]> {
    return this.#use((store) => store.nodeId());
  }

  roster(): ReturnType<Store["roster"]> {
    return this.#use((store) => store.roster());
  }

  gossipIncarnation(): ReturnType<Store["gossipIncarnation"]> {
    return this.#use((store) => store.gossipIncarnation());
  }

  replica(...args: Parameters<Store["replica"]>): ReturnType<Store["replica"]> {
    return this.#use((store) => store.replica(...args));
  }

  replicas(...args: Parameters<Store["replicas"]>): ReturnType<Store["replicas"]> {
    return this.#use((store) => store.replicas(...args));
  }

  archives(...args: Parameters<Store["archives"]>): ReturnType<Store["archives"]> {
    return this.#use((store) => store.archives(...args));
  }

  forks(...args: Parameters<Store["forks"]>): ReturnType<Store["forks"]> {
    return this.#use((store) => store.forks(...args));
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
