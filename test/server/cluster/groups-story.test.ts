import { expect, test } from "bun:test";
import { asError } from "../../../src/core/as-error.ts";
import { SeededRandom } from "../../sim/harness/seeded-random.ts";
import { GroupGuest, GroupWorld, send } from "../../support/group-world.ts";
import { patienceMs, until } from "../../support/until.ts";

const all = [1, 2, 3, 4];

/** Nodes come and go, links break and heal, everybody believes something else; then all is well again. */
async function story(seed: number): Promise<void> {
  const random = new SeededRandom(seed, 0);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.fraction() * from.length)] as T;
  using world = new GroupWorld(all.length);
  const up = new Set(all);
  const guests = new Map<string, GroupGuest>();
  const everybody: GroupGuest[] = [];
  const sent: Promise<unknown>[] = [];
  let texts = 0;
  const joins = (): void => {
    const number = pick([...up]);
    const memberId = pick(["a", "b", "c", "d", "e"]);
    const guest = new GroupGuest(world.at(number), memberId);
    guests.set(`${memberId}@${number}#${guests.size}`, guest);
    everybody.push(guest);
  };
  const sends = (): void => {
    texts += 1;
    sent.push(send(world.at(pick([...up])), `${texts}`).catch((error: unknown) => asError(error).message));
  };
  const steps: readonly (() => void)[] = [
    ...[joins, joins, sends, sends, sends, sends],
    () => {
      const [key, guest] = pick([...guests]) ?? [];
      if (key === undefined || guest === undefined) return;
      guests.delete(key);
      void guest.leave();
    },
    () => {
      if (up.size === 1) return;
      const number = pick([...up]);
      up.delete(number);
      world.crash(number);
    },
    () => {
      const number = all.find((one) => !up.has(one));
      if (number === undefined) return;
      up.add(number);
      world.start(number);
    },
    () => world.see([pick(all)], [...up]),
    () => world.see(all, [...up]),
    () =>
      world.part(
        [pick(all)],
        [pick(all)].filter((one) => one !== 1),
      ),
    () => world.cut.clear(),
  ];
  joins();
  for (let step = 0; step < 60; step += 1) {
    if (guests.size === 0) joins();
    pick(steps)();
    await Bun.sleep(random.fraction() * 20);
  }
  for (const number of all) if (!up.has(number)) world.start(number);
  world.cut.clear();
  world.see(all, all);
  await Promise.all(sent);
  const isHere = async (guest: GroupGuest): Promise<boolean> =>
    (await Promise.race([guest.ended, Bun.sleep(0).then(() => "here")])) === "here";
  const last = new GroupGuest(world.at(pick(all)), "last");
  everybody.push(last);
  await until(
    `all are together after seed ${seed}`,
    async () => {
      texts += 1;
      const text = `last ${texts}`;
      await send(world.at(pick(all)), text, "last");
      await Bun.sleep(10);
      for (const guest of everybody)
        if ((await isHere(guest)) && !guest.messages.includes(text)) return false;
      return last.messages.includes(text);
    },
    patienceMs / 3,
  );
  for (const { messages } of everybody) expect(new Set(messages).size).toBe(messages.length);
}

test.each([1, 2, 3, 4, 5, 6])(
  "whatever happens, nobody hears twice, and in the end all hear (seed %d)",
  story,
  patienceMs,
);
