declare const BUILD_VERSION: string | undefined;
declare const BUILD_COMMIT: string | undefined;

/** What this executable was built from; scripts/build.ts fills it in. */
export const buildInfo = {
  version: typeof BUILD_VERSION === "undefined" ? "0.0.0-source" : BUILD_VERSION,
  commit: typeof BUILD_COMMIT === "undefined" ? "unknown" : BUILD_COMMIT,
} as const;
