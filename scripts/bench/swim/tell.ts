/**
 * Tells a story once for each seed, in a process of its own, whose memory is that of simulations and nothing else.
 *
 *   bun scripts/bench/swim/tell.ts STORY SIZE SECONDS SEED...
 *
 * Prints a line of JSON for each seed; numbers that are infinite are null.
 *
 * @module
 */

import { stories, type StoryName } from "./stories.ts";

if (import.meta.main) main();

function main(): void {
  const [name = "", size, seconds, ...seeds] = Bun.argv.slice(2);
  if (!isStory(name)) throw new Error(`there is no story ${name}`);
  for (const seed of seeds) {
    // What is left of the last cluster would be counted as this one's.
    Bun.gc(true);
    const began = performance.now();
    const cpuBefore = process.cpuUsage();
    const told = stories[name]({ size: Number(size), seconds: Number(seconds), seed: Number(seed) });
    const wallSeconds = (performance.now() - began) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const cpuSeconds = (cpu.user + cpu.system) / 1e6;
    const peakMb = process.resourceUsage().maxRSS / 1024;
    console.log(JSON.stringify({ told, wallSeconds, cpuSeconds, peakMb }));
  }
}

function isStory(name: string): name is StoryName {
  return Object.hasOwn(stories, name);
}
