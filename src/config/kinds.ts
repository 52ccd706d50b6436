import { canonicalHost } from "../core/canonical-host.ts";
import { limits } from "../core/limits.ts";
import { parsePeerAddress, peerAddressForm, peerAddressRemedy } from "../core/peer-address.ts";
import { isLogName } from "../core/tlog/origin.ts";
import { utf8Length } from "../core/utf8.ts";
import { formatHostPort, type HostPort, parseHostPort } from "./host-port.ts";

/** The type of a setting: how it is read, written and described. */
export interface Kind<T> {
  /** What stands for the value in help, `HOST:PORT`; undefined for a flag without a value. */
  readonly placeholder: string | undefined;
  /** What is accepted, as a phrase for messages and tables. */
  readonly accepts: string;
  /** Unit of a number. */
  readonly unit?: "ms" | "entries/s" | "nodes";
  /** The flag may be given several times. In the environment commas separate, in the file it is a list. */
  readonly isList: boolean;
  readonly choices?: readonly string[];
  /** Reads text of a flag or of the environment; a list comes as one text an element. */
  fromText(texts: readonly string[]): Reading<T>;
  /** Reads what a TOML file holds. */
  fromToml(value: unknown): Reading<T>;
  toText(value: T): string;
}

/** A value, or what to do about what is none. */
export type Reading<T> = { readonly value: T } | { readonly remedy: string };

export const bool: Kind<boolean> = {
  placeholder: undefined,
  accepts: "true or false",
  isList: false,
  fromText: single((text) => {
    const value = { true: true, "1": true, false: false, "0": false }[text.toLowerCase()];
    return value === undefined ? { remedy: "write true or false" } : { value };
  }),
  fromToml: (value) =>
    typeof value === "boolean" ? { value } : { remedy: "write true or false, without quotes" },
  toText: String,
};

/** A file or directory. */
export function path(placeholder: "FILE" | "DIR"): Kind<string> {
  const what = placeholder === "FILE" ? "a file" : "a directory";
  return text(placeholder, what, (value) =>
    value === "" || value.includes("\0") ? { remedy: `name ${what}` } : { value },
  );
}

export const hostPort: Kind<HostPort> = {
  ...text("HOST:PORT", "HOST:PORT with a port from 0 to 65535", (value) => {
    const parsed = parseHostPort(value);
    return parsed === undefined
      ? { remedy: "write it like 127.0.0.1:8080 or [::1]:8080" }
      : { value: parsed };
  }),
  toText: formatHostPort,
};

export const serverUrl: Kind<string> = text("URL", "a URL with http or https", (value) => {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    return { remedy: "write it like http://127.0.0.1:8080" };
  }
  if (url.username !== "" || url.password !== "") return { remedy: "leave name and password out" };
  return { value: url.href.replace(/\/+$/, "") };
});

export const origins: Kind<readonly string[]> = list(
  "ORIGIN",
  "origins like https://example.org, or *",
  (value) => {
    if (value === "*") return { value };
    const url = URL.parse(value);
    const isOrigin = url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href;
    return isOrigin
      ? { value: url.origin }
      : { remedy: "write scheme, host and port only, like https://example.org" };
  },
);

export const hostNames: Kind<readonly string[]> = list(
  "NAME",
  "host names or addresses without a port",
  (value) => {
    const host = canonicalHost(value);
    return host === undefined ? { remedy: "write a name or address without a port" } : { value: host };
  },
);

export const peerAddresses: Kind<readonly string[]> = list("HOST[:PORT]", peerAddressForm, (value) => {
  const parsed = parsePeerAddress(value);
  return parsed === undefined ? { remedy: peerAddressRemedy } : { value: formatHostPort(parsed) };
});

/** What sets gossip apart from that of other clusters on the same network. */
export const gossipLabel: Kind<string> = text(
  "TEXT",
  `up to ${limits.gossipLabelBytesMax} bytes without control characters`,
  (value) =>
    utf8Length(value) > limits.gossipLabelBytesMax || /\p{Cc}/u.test(value) || !value.isWellFormed()
      ? { remedy: "choose a short name" }
      : { value },
);

/** Part of the name of a log; only where slashes are allowed may it have several. */
export function nameOfLog(slashes: "slashes" | "no slashes"): Kind<string> {
  const allowsSlashes = slashes === "slashes";
  const accepts = `1 to ${limits.logNameBytesMax} of A-Z a-z 0-9 . _ -${allowsSlashes ? " /" : ""}`;
  return text("NAME", accepts, (value) =>
    isLogName(value) && (allowsSlashes || !value.includes("/")) ? { value } : { remedy: `write ${accepts}` },
  );
}

export function oneOf(...choices: readonly string[]): Kind<string> {
  const remedy = `write one of ${choices.join(", ")}`;
  const kind = text("NAME", choices.join(", "), (value) =>
    choices.includes(value) ? { value } : { remedy },
  );
  return { ...kind, choices };
}

/** A whole number of milliseconds, both bounds inclusive. */
export function milliseconds(min: number, max: number): Kind<number> {
  return wholeNumber({ placeholder: "MS", unit: "ms", what: "milliseconds", min, max });
}

/** How many entries in a second, both bounds inclusive. */
export function entriesPerSecond(min: number, max: number): Kind<number> {
  return wholeNumber({ placeholder: "N", unit: "entries/s", what: "entries", min, max });
}

/** How many nodes, both bounds inclusive. */
export function nodes(min: number, max: number): Kind<number> {
  return wholeNumber({ placeholder: "N", unit: "nodes", what: "nodes", min, max });
}

function wholeNumber(parts: {
  placeholder: string;
  unit: "ms" | "entries/s" | "nodes";
  what: string;
  min: number;
  max: number;
}): Kind<number> {
  const { placeholder, unit, what, min, max } = parts;
  const remedy = `write a whole number of ${what} from ${min} to ${max}`;
  const inBounds = (value: number): Reading<number> =>
    Number.isInteger(value) && value >= min && value <= max ? { value } : { remedy };
  return {
    placeholder,
    accepts: `${min} to ${max}`,
    unit,
    isList: false,
    fromText: single((value) => inBounds(/^\d{1,15}$/.test(value) ? Number(value) : Number.NaN)),
    fromToml: (value) => inBounds(typeof value === "number" ? value : Number.NaN),
    toText: String,
  };
}

function text<T extends string | HostPort>(
  placeholder: string,
  accepts: string,
  read: (text: string) => Reading<T>,
): Kind<T> {
  return {
    placeholder,
    accepts,
    isList: false,
    fromText: single(read),
    fromToml: (value) => (typeof value === "string" ? read(value) : { remedy: "write it as text in quotes" }),
    toText: String,
  };
}

function list(
  placeholder: string,
  accepts: string,
  read: (text: string) => Reading<string>,
): Kind<readonly string[]> {
  const readAll = (texts: readonly string[]): Reading<readonly string[]> => {
    const values = new Set<string>();
    for (const each of texts) {
      const reading = read(each.trim());
      if ("remedy" in reading) return reading;
      values.add(reading.value);
    }
    return { value: [...values] };
  };
  return {
    placeholder,
    accepts,
    isList: true,
    fromText: readAll,
    fromToml: (value) =>
      Array.isArray(value) && value.every((item) => typeof item === "string")
        ? readAll(value)
        : { remedy: 'write a list of texts, like ["..."]' },
    toText: (values) => values.join(","),
  };
}

function single<T>(read: (text: string) => Reading<T>): (texts: readonly string[]) => Reading<T> {
  return ([first, ...more]) =>
    first === undefined || more.length > 0 ? { remedy: "give it once" } : read(first);
}
