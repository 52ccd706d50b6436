import { aliveMembersOf } from "../world/members.ts";
import type { TrialNode } from "../world/node.ts";
import { until } from "../world/until.ts";
import type { Trial } from "./scenario.ts";

const noticedMsMax = 40_000;
const goesOnMsMax = 30_000;

/** Waits until a node no longer sees another one alive. */
export async function noticed(by: TrialNode, gone: TrialNode): Promise<void> {
  await until(`${by.name} sees that ${gone.name} is gone`, noticedMsMax, async () =>
    (await aliveMembersOf(by.url)).every(({ name }) => name !== gone.name),
  );
}

/** Waits until entries are acknowledged again; says so if that does not come. */
export async function goesOn({ recorder, say }: Trial, after: string): Promise<readonly string[]> {
  const began = performance.now();
  while (performance.now() - began < goesOnMsMax) {
    if (recorder.acknowledgedSince(began) > 5) {
      say(`appends go on ${Math.round(performance.now() - began)} ms later`);
      return [];
    }
    await Bun.sleep(50);
  }
  return [`no more than 5 entries were acknowledged within ${goesOnMsMax} ms after ${after}`];
}
