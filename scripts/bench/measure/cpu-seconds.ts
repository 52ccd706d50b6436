/** Of the clock in which Linux tells of processes. */
const ticksPerSecond = 100;

/** How long a process has computed since it began, all threads together, as Linux counts it. */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await Bun.file(`/proc/${pid}/stat`).text();
  // The name of the program, in brackets, may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [fields[11], fields[12]];
  if (user === undefined || system === undefined)
    throw new Error(`Cannot read the times of process ${pid}: too few fields`);
  return (Number(user) + Number(system)) / ticksPerSecond;
}
