/**
 * Settings from flags, environment, a TOML file and defaults. The one table of them is {@link fields}:
 * help, the settings file, the documentation and the checks all come from it.
 *
 * Nothing here reads the process or a file: the caller hands both in, and asks {@link configFile}
 * which file to read.
 *
 * @module
 */

export { isLoopbackHost } from "./core/loopback-host.ts";
export { ConfigError, type ConfigProblem } from "./config/config-error.ts";
export { configFileField, type Field, fields, type Scope } from "./config/fields.ts";
export { formatHostPort, type HostPort } from "./config/host-port.ts";
export {
  type ClientConfig,
  type Config,
  configFile,
  type ConfigInput,
  type NamedFile,
  resolveConfig,
  type Resolved,
  type ServerConfig,
  type Setting,
  type SettingsFile,
} from "./config/resolve.ts";
