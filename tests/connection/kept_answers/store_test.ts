/** What a server remembers of calls with ids, and what it forgets first. */

import { assert, assertEquals } from "@std/assert";
import { type CallId, CallIds, parseCallId } from "../../../connection/kept_answers/call_id.ts";
import { KeptAnswer } from "../../../connection/kept_answers/kept_answer.ts";
import { KeptCall } from "../../../connection/kept_answers/kept_call.ts";
import { KeptAnswers } from "../../../connection/kept_answers/store.ts";
import { limitsOf } from "../../../protocol/codec.ts";
import { FakeClock } from "../../../testing.ts";

function store(keepAnswersBytes = 1e9): KeptAnswers {
  return new KeptAnswers({ ...limitsOf(), keepAnswersMs: 1000, keepAnswersBytes }, new FakeClock());
}

function idOf(client: number, number = 1): CallId {
  return parseCallId(`${`${client}`.padStart(32, "0")}/${number}`)!;
}

const running = (id: CallId) => new KeptCall(id, "", "running");
const refused = (id: CallId) => new KeptCall(id, "", "refused");
const answer = (bytes: number) => new KeptAnswer("S.M", new Uint8Array(bytes));

Deno.test("ids have 128 bits of chance, and count", () => {
  const [one, other] = [new CallIds(), new CallIds()];
  const ids = [one.next(), one.next(), other.next()];
  assert(ids.every((id) => /^[0-9a-f]{32}\/[12]$/.test(id)), ids.join());
  const parsed = ids.map((id) => parseCallId(id)!);
  assertEquals(parsed.map(({ number }) => number), [1, 2, 1]);
  assertEquals([parsed[0].client === parsed[1].client, parsed[0].client === parsed[2].client], [
    true,
    false,
  ]);
});

Deno.test("of clients beyond 10,000 that were forgotten nothing is promised, and of those known it is", () => {
  const kept = store();
  for (let client = 0; client <= 10_000; client++) {
    const call = running(idOf(client, 5));
    kept.begin(call);
    kept.expire(call);
  }
  assertEquals(kept.find(idOf(10_000, 5)), "forgotten");
  assertEquals(kept.find(idOf(1, 4)), "forgotten");
  assertEquals(kept.find(idOf(0, 5)), undefined); // it is not known that this one ran
  assert(!kept.refuse(refused(idOf(0, 5))));
  assert(!kept.refuse(refused(idOf(20_000))));
  assert(kept.refuse(refused(idOf(10_000, 6))));
  assertEquals(kept.figures.bytes, refused(idOf(1)).bytes);
});

Deno.test("the bytes of whatever is there are counted, and no others", () => {
  const kept = store();
  const calls = [1, 2, 3, 4].map((number) => running(idOf(1, number)));
  for (const call of calls) assert(kept.begin(call));
  const each = kept.figures.bytes / 4;
  kept.settle(calls[0], answer(100));
  kept.settle(calls[0], answer(100)); // again: nothing changes
  kept.settleWithout(calls[1]);
  assertEquals(kept.figures, {
    running: 2,
    answers: 1,
    bytes: 4 * each + 100,
    recalled: 0,
    refused: 0,
    dropped: 0,
  });
  kept.acknowledge(calls[0].id.text, "someone else");
  kept.acknowledge(calls[0].id.text, "");
  kept.giveUp(calls[2]);
  kept.settle(calls[2], answer(100)); // its handler ends later
  kept.expire(calls[3]);
  kept.settleWithout(calls[3]);
  assertEquals(kept.figures.bytes, each);
  kept.acknowledge(calls[1].id.text, "");
  assertEquals(kept.figures.bytes, 0);
});

Deno.test("a store is idle when no call runs whose connection is gone", async () => {
  const kept = store();
  const [one, other] = [running(idOf(1)), running(idOf(2))];
  for (const call of [one, other]) {
    kept.begin(call);
    kept.detach(call, true);
  }
  let idle = 0;
  const both = [kept.idle, kept.idle].map((promise) => promise.then(() => idle++));
  kept.settle(one, answer(1));
  await Promise.resolve();
  assertEquals(idle, 0);
  kept.detach(other, false); // its caller asks on another connection
  await Promise.all(both);
  assertEquals(idle, 2);
  await kept.idle;
});
