/** Memory of a process that is in RAM now, as Linux counts it. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`Cannot read the memory of process ${pid}: no VmRSS`);
  return Number(kilobytes) * 1024;
}

/** Waits until the memory has not moved by 1 % for a second, at most ten seconds. */
export async function settledResidentBytes(pid: number): Promise<number> {
  let before = await residentBytes(pid);
  for (let second = 0; second < 10; second++) {
    await Bun.sleep(1000);
    const now = await residentBytes(pid);
    if (Math.abs(now - before) < before / 100) return now;
    before = now;
  }
  return before;
}

/** The largest memory seen while `work` went on. */
export async function peakResidentBytes(pid: number, work: Promise<unknown>): Promise<number> {
  let peak = 0;
  let working = true;
  const done = work.finally(() => {
    working = false;
  });
  while (working) {
    peak = Math.max(peak, await residentBytes(pid));
    await Promise.race([done, Bun.sleep(50)]);
  }
  await done;
  return peak;
}
