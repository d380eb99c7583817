/**
 * At 1.5 times what servers can do: how many calls are answered within their callers' time,
 * beside what the servers could answer, and how soon the others hear that they are refused.
 */

import { assert } from "@std/assert";
import { RpcError, TimeoutError } from "../../errors.ts";
import type { Protocol } from "../../protocol/codec.ts";
import type { ServerOptions } from "../../server.ts";
import { FakeClock, FakeFleet, seededRandom } from "../../testing.ts";
import { XClient } from "../../xclient.ts";

const SERVERS = 2;
const CLIENTS = 10;
/** The mean work of a call, on a machine with one core that its calls share. */
const WORK_MS = 10;
const TIMEOUT_MS = 1000;
const WARM_UP_MS = 3000;
const MEASURED_MS = 6000;

interface Load {
  /** How many times what the servers can do. */
  readonly times: number;
  /** What share of the calls the first client makes. Default: as many as each of the others. */
  readonly hogs?: number;
  readonly protocol?: Protocol;
  readonly server?: ServerOptions;
}

/** Calls at random times, of 0.5 to 1.5 times the mean work; the same for all. */
async function run({ times, protocol, server, hogs = 1 / CLIENTS }: Load) {
  const clock = new FakeClock();
  const random = seededRandom(1);
  const fleet = await FakeFleet.start(SERVERS, {
    clock,
    services: { Work: { Do: () => null } },
    workMs: (args) => args as number,
    cores: 1,
    server,
  });
  const clients = Array.from(
    { length: CLIENTS },
    (_, place) =>
      new XClient(fleet.addresses.map((address) => `${address}?protocol=${protocol}`), {
        ...fleet.clientOptions,
        random: seededRandom(place),
      }),
  );
  let [answered, late, refused] = [0, 0, 0];
  /** The calls of all but the first client. */
  const others = { made: 0, answered: 0 };
  const refusedAfterMs: number[] = [];
  const call = () => {
    const atMs = clock.now();
    const isCounted = atMs >= WARM_UP_MS;
    const place = random() < hogs ? 0 : 1 + Math.floor(random() * (CLIENTS - 1));
    if (isCounted && place > 0) others.made++;
    const workMs = WORK_MS * (0.5 + random());
    clients[place].call("Work.Do", workMs, { timeoutMs: TIMEOUT_MS }).then(() => {
      if (!isCounted) return;
      answered++;
      if (place > 0) others.answered++;
    }, (error: unknown) => {
      if (!isCounted) return;
      if (error instanceof TimeoutError) return void late++;
      assert(error instanceof RpcError && error.code === "resource_exhausted", `${error}`);
      refused++;
      refusedAfterMs.push(clock.now() - atMs);
    });
    const gapMs = -Math.log(1 - random()) * WORK_MS / (SERVERS * times);
    if (clock.now() < WARM_UP_MS + MEASURED_MS) clock.setTimer(gapMs, call);
  };
  call();
  await clock.advance(WARM_UP_MS + MEASURED_MS + 2 * TIMEOUT_MS);
  await Promise.all(clients.map((client) => client.close()));
  await fleet.close();
  const goodput = answered / (MEASURED_MS / WORK_MS * SERVERS);
  const atOnce = refusedAfterMs.filter((ms) => ms <= 50).length / Math.max(1, refused);
  return { goodput, answered, late, refused, atOnce, othersGoodput: others.answered / others.made };
}

const LIMITS: readonly ServerOptions[] = [{ maxConcurrent: 4 }, { maxConcurrent: "adaptive" }];

for (const protocol of ["geerpc/json", "geerpc/gob"] as const) {
  Deno.test(`${protocol}: at 1.5 times the capacity goodput stays, where it collapses without a limit`, async () => {
    const without = await run({ times: 1.5, protocol });
    assert(without.goodput < 0.5, `without a limit: ${JSON.stringify(without)}`);
    for (const limit of LIMITS) {
      const figures = await run({ times: 1.5, protocol, server: limit });
      const what = `${JSON.stringify(limit)}: ${JSON.stringify(figures)}, without a limit ` +
        without.goodput;
      assert(figures.goodput >= 0.9, what);
      assert(figures.atOnce >= 0.8, what); // and the callers of the others know it soon
    }
  });
}

Deno.test("at 0.8 times the capacity a limit refuses next to nothing", async () => {
  for (const server of [{}, ...LIMITS]) {
    const { goodput, refused, late } = await run({ times: 0.8, protocol: "geerpc/json", server });
    const what = `${JSON.stringify(server)}: ${goodput}, ${refused} refused, ${late} late`;
    assert(goodput > 0.75 && refused + late <= 2, what);
  }
});

Deno.test("one client makes nine of ten calls: those of the others are answered", async () => {
  const load = { times: 3, hogs: 0.9, protocol: "geerpc/json" } as const;
  const without = await run(load);
  assert(without.othersGoodput < 0.3, JSON.stringify(without));
  for (const server of LIMITS) {
    const figures = await run({ ...load, server });
    const what = `${JSON.stringify(server)}: ${JSON.stringify(figures)}, without a limit ` +
      without.othersGoodput;
    assert(figures.othersGoodput >= 0.98 && figures.goodput >= 0.9, what);
  }
});
