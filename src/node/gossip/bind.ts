import { asError } from "../../core/as-error.ts";
import { LedgerError } from "../../core/errors.ts";
import { systemErrorText } from "../../core/system-error-text.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import { formatEndpoint } from "./endpoint-text.ts";

/** Something that holds a port. */
interface PortHolder {
  readonly port: number;
}

export interface BindOptions<Udp extends PortHolder, Tcp extends PortHolder> {
  /** Port 0 stands for any that is free. */
  readonly local: Endpoint;
  readonly openUdp: (local: Endpoint) => Promise<Udp>;
  readonly openTcp: (local: Endpoint) => Promise<Tcp>;
  readonly closeTcp: (tcp: Tcp) => Promise<void>;
}

/** Free ports of one kind that are tried for the other. */
const attemptsMax = 32;

/** Opens both at one address and port. Rejects with LedgerError, with nothing left open, if that cannot be. */
export async function bindBoth<Udp extends PortHolder, Tcp extends PortHolder>(
  options: BindOptions<Udp, Tcp>,
): Promise<{ udp: Udp; tcp: Tcp }> {
  const { local, openUdp, openTcp, closeTcp } = options;
  for (let attempt = 1; ; attempt += 1) {
    // TCP first: connections to elsewhere hold ports too, and the system knows which are free.
    const tcp = await openTcp(local).catch((error: unknown) => {
      throw refused(local, "TCP", error);
    });
    try {
      return { udp: await openUdp({ ...local, port: tcp.port }), tcp };
    } catch (error) {
      await closeTcp(tcp);
      const mayRetry = local.port === 0 && codeOf(error) === "EADDRINUSE" && attempt < attemptsMax;
      if (!mayRetry) throw refused({ ...local, port: tcp.port }, "UDP", error);
    }
  }
}

function refused(local: Endpoint, protocol: "TCP" | "UDP", error: unknown): LedgerError {
  const value = formatEndpoint(local);
  const text = `Cannot use --gossip ${value} for ${protocol}`;
  if (codeOf(error) === "EADDRINUSE") {
    const remedy = "stop the program that listens there, or choose another address or port with --gossip";
    const facts = { reason: "GOSSIP_ADDRESS_IN_USE", value, remedy };
    return new LedgerError("FAILED_PRECONDITION", `${text}: it is in use`, facts, { cause: error });
  }
  const remedy = "choose an address of this machine, and a port that this user may use, with --gossip";
  const facts = { reason: "GOSSIP_ADDRESS_UNUSABLE", value, remedy };
  return new LedgerError("FAILED_PRECONDITION", `${text}: ${systemErrorText(error)}`, facts, {
    cause: error,
  });
}

function codeOf(error: unknown): unknown {
  const failure = asError(error);
  return "code" in failure ? failure.code : undefined;
}
