/**
 * What will happen, in the order of time; of one moment, in the order in which it was planned. A heap of four
 * children a node in typed arrays, which holds tens of millions of events without an object for each.
 */
export class EventQueue<Event> {
  #size = 0;
  #planned = 0;
  #capacity = 1024;
  #times = new Float64Array(this.#capacity);
  #orders = new Float64Array(this.#capacity);
  /** Where in {@link #events} the event of a place in the heap is. */
  #slots = new Int32Array(this.#capacity);
  readonly #events: (Event | undefined)[] = [];
  readonly #freeSlots: number[] = [];

  get size(): number {
    return this.#size;
  }

  /** When the next event is; infinity if there is none. */
  get nextMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] ?? 0);
  }

  push(atMs: number, event: Event): void {
    if (this.#size === this.#capacity) this.#grow();
    const slot = this.#freeSlots.pop() ?? this.#events.length;
    this.#events[slot] = event;
    this.#rise(this.#size++, atMs, this.#planned++, slot);
  }

  /** Takes the next event out; undefined if there is none. */
  pop(): Event | undefined {
    if (this.#size === 0) return undefined;
    const slot = this.#slots[0] ?? 0;
    const event = this.#events[slot];
    this.#events[slot] = undefined;
    this.#freeSlots.push(slot);
    const last = --this.#size;
    if (last > 0) this.#sink(this.#times[last] ?? 0, this.#orders[last] ?? 0, this.#slots[last] ?? 0);
    return event;
  }

  #rise(from: number, time: number, order: number, slot: number): void {
    const times = this.#times;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      // What is planned later never passes what is planned for the same time.
      if ((times[parent] ?? 0) <= time) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#put(place, time, order, slot);
  }

  #sink(time: number, order: number, slot: number): void {
    let place = 0;
    for (;;) {
      const first = 4 * place + 1;
      if (first >= this.#size) break;
      let least = first;
      const end = Math.min(first + 4, this.#size);
      for (let child = first + 1; child < end; child++) if (this.#isBefore(child, least)) least = child;
      const leastTime = this.#times[least] ?? 0;
      if (leastTime > time || (leastTime === time && (this.#orders[least] ?? 0) > order)) break;
      this.#move(least, place);
      place = least;
    }
    this.#put(place, time, order, slot);
  }

  #isBefore(one: number, other: number): boolean {
    const oneTime = this.#times[one] ?? 0;
    const otherTime = this.#times[other] ?? 0;
    if (oneTime !== otherTime) return oneTime < otherTime;
    return (this.#orders[one] ?? 0) < (this.#orders[other] ?? 0);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] ?? 0, this.#orders[from] ?? 0, this.#slots[from] ?? 0);
  }

  #put(place: number, time: number, order: number, slot: number): void {
    this.#times[place] = time;
    this.#orders[place] = order;
    this.#slots[place] = slot;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#times = grown(this.#times, new Float64Array(this.#capacity));
    this.#orders = grown(this.#orders, new Float64Array(this.#capacity));
    this.#slots = grown(this.#slots, new Int32Array(this.#capacity));
  }
}

function grown<Numbers extends Float64Array | Int32Array>(old: Numbers, larger: Numbers): Numbers {
  larger.set(old);
  return larger;
}
