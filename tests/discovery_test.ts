import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { MultiServerDiscovery } from "../discovery.ts";
import { RpcError } from "../errors.ts";
import { SelectMode } from "../selector.ts";
import { assertFails, settled } from "./support/helpers.ts";
import { seededRandom } from "../testing.ts";

const A = "tcp@a:1";
const B = "tcp@b:1";
const C = "tcp@c:1";

async function picks(discovery: MultiServerDiscovery, mode: SelectMode, count: number) {
  const picked: string[] = [];
  for (let n = 0; n < count; n++) picked.push(await discovery.get(mode));
  return picked;
}

Deno.test("getAll is a copy, and the given array is copied too", async () => {
  const given = [A, B];
  const discovery = new MultiServerDiscovery(given);
  given.push("nonsense");
  const all = await discovery.getAll();
  all.push(C);
  all[0] = "changed";
  assertEquals(await discovery.getAll(), [A, B]);
  assertEquals(discovery.current, [A, B]);
  assertThrows(() => (discovery.current as string[]).push(C), TypeError);
});

Deno.test("refresh does nothing", async () => {
  const discovery = new MultiServerDiscovery([A]);
  const { current } = discovery;
  await discovery.refresh();
  assert(discovery.current === current);
});

Deno.test("round robin, in turn while the list changes under it", async () => {
  const discovery = new MultiServerDiscovery([A, B, C], { random: () => 0 });
  assertEquals(await picks(discovery, SelectMode.RoundRobin, 4), [A, B, C, A]);
  await discovery.update([A, C]); // b was due
  assertEquals(await picks(discovery, SelectMode.RoundRobin, 2), [C, A]);
  await discovery.update([B, A, C]); // c is due
  assertEquals(await picks(discovery, SelectMode.RoundRobin, 3), [C, B, A]);
  await discovery.update([]);
  await assertFails(discovery.get(SelectMode.RoundRobin), { code: "unavailable" });
  await discovery.update([A, B]);
  assertEquals(await picks(discovery, SelectMode.RoundRobin, 3), [A, B, A]);
});

Deno.test("round robin begins at a random server", async () => {
  const discovery = new MultiServerDiscovery([A, B, C], { random: () => 0.5 });
  assertEquals(await picks(discovery, SelectMode.RoundRobin, 3), [B, C, A]);
});

Deno.test("random, as the given randomness decides", async () => {
  const model = seededRandom(9);
  const discovery = new MultiServerDiscovery([A, B, C], { random: seededRandom(9) });
  const expected = Array.from({ length: 20 }, () => [A, B, C][Math.floor(model() * 3)]);
  assertEquals(await picks(discovery, SelectMode.Random, 20), expected);
});

Deno.test("each mode picks independently of the others", async () => {
  const discovery = new MultiServerDiscovery([A, B], { random: () => 0 });
  assertEquals(await discovery.get(SelectMode.RoundRobin), A);
  assertEquals(await discovery.get(SelectMode.Random), A);
  assertEquals(await discovery.get(SelectMode.RoundRobin), B);
});

Deno.test("the same address twice counts once, also in another spelling", async () => {
  const discovery = new MultiServerDiscovery([A, B, A, "tcp@A:1", `${B}?weight=2`], {
    random: () => 0,
  });
  assertEquals(await discovery.getAll(), [A, B]);
  assertEquals(await picks(discovery, SelectMode.RoundRobin, 3), [A, B, A]);
  await discovery.update([`${A}?weight=3`, A]);
  assertEquals(await discovery.getAll(), [`${A}?weight=3`]); // metadata is passed on
});

Deno.test("an empty list and an unknown mode are errors that reject", async () => {
  const empty = new MultiServerDiscovery();
  assertEquals(await empty.getAll(), []);
  await assertFails(empty.get(SelectMode.Random), {
    code: "unavailable",
    execution: "not_sent",
    message: "no available servers",
  });
  await assertFails(empty.get("best" as SelectMode), {
    code: "invalid_argument",
    execution: "not_sent",
    message: /"best".*random.*round_robin/,
  });
});

Deno.test("an invalid address is refused, and the list stays", async () => {
  assertThrows(() => new MultiServerDiscovery([A, "nonsense"]), RpcError, '"nonsense"');
  const discovery = new MultiServerDiscovery([A]);
  await assertFails(discovery.update([B, "nonsense"]), {
    code: "invalid_argument",
    address: "nonsense",
  });
  assertEquals(await discovery.getAll(), [A]);
});

Deno.test("watch: the present list, then each new one, until an abort", async () => {
  const discovery = new MultiServerDiscovery([A]);
  const controller = new AbortController();
  const seen: (readonly string[])[] = [];
  const watching = (async () => {
    for await (const list of discovery.watch(controller.signal)) seen.push(list);
  })();
  await settled();
  await discovery.update([A, B]);
  await settled();
  await Promise.all([discovery.update([B]), discovery.update([C])]); // only the last counts
  await settled();
  assertEquals(seen.map(([first, ...rest]) => [first, ...rest]), [[A], [A, B], [C]]);
  controller.abort();
  await watching;
  await discovery.update([A]);
  await settled();
  assertEquals(seen.length, 3);
  for await (const list of discovery.watch(controller.signal)) throw new Error(`${list}`);
});

Deno.test("watch: two watchers, one of which ends early", async () => {
  const discovery = new MultiServerDiscovery([A]);
  const controller = new AbortController();
  const seen: string[] = [];
  const stays = (async () => {
    for await (const list of discovery.watch(controller.signal)) seen.push(list.join());
  })();
  for await (const list of discovery.watch(controller.signal)) {
    assertEquals(list, [A]);
    break;
  }
  await discovery.update([B]);
  await settled();
  assertEquals(seen.at(-1), B);
  controller.abort();
  await stays;
});

Deno.test("a list that is none is refused by name, and the present one stays", async () => {
  const wrong = ["tcp@a:1", null, 5, { 0: "tcp@a:1" }] as unknown[] as string[][];
  for (const servers of wrong) {
    const message = "servers must be a list of addresses, got";
    assertThrows(() => new MultiServerDiscovery(servers), TypeError, message);
    const discovery = new MultiServerDiscovery(["tcp@b:1"]);
    await assertRejects(() => discovery.update(servers), TypeError, message);
    assertEquals(await discovery.getAll(), ["tcp@b:1"]);
  }
});
