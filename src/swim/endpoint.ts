/** An IP address and a port. IPv4 is always 4 bytes, never mapped into 16: equal addresses have equal bytes. */
export interface Endpoint {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** Returns an address as 4 bytes if it is an IPv4 address in 16 (`::ffff:a.b.c.d`), else as it is. */
export function normalAddress(address: Uint8Array): Uint8Array {
  if (address.length !== 16 || address[10] !== 0xff || address[11] !== 0xff) return address;
  for (let index = 0; index < 10; index++) if (address[index] !== 0) return address;
  return address.subarray(12);
}

/** Tells if two endpoints are the same place. */
export function sameEndpoint(one: Endpoint, other: Endpoint): boolean {
  if (one.port !== other.port || one.address.length !== other.address.length) return false;
  for (let index = 0; index < one.address.length; index++)
    if (one.address[index] !== other.address[index]) return false;
  return true;
}
