import { projectRoot } from "./project.ts";

/** Where scripts/build.ts puts the executable for this machine. */
export const executable = `${projectRoot}/dist/converge-ledger${process.platform === "win32" ? ".exe" : ""}`;
