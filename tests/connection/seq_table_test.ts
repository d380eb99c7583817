import { assert, assertEquals } from "@std/assert";
import { SeqTable } from "../../connection/seq_table.ts";
import { seededRandom } from "../../testing.ts";

Deno.test("SeqTable: does what a Map does, at random, with some that stay long", () => {
  const random = seededRandom(7);
  const table = new SeqTable<{ seq: number }>();
  const model = new Map<number, { seq: number }>();
  let seq = 0;
  for (let step = 0; step < 50_000; step++) {
    if (random() < 0.52) {
      const item = { seq: ++seq };
      table.set(item);
      model.set(seq, item);
    } else {
      // Mostly one of the last hundred, now and then any number that there was.
      const back = random() < 0.9 ? 100 : seq;
      const asked = seq - Math.floor(random() * back);
      assertEquals(table.get(asked), model.get(asked));
      assertEquals(table.take(asked), model.get(asked));
      model.delete(asked);
    }
    assert(table.size === model.size);
  }
  assert(model.size > 1000);
  assertEquals(table.clear(), [...model.values()].sort((one, other) => one.seq - other.seq));
  assertEquals([table.size, table.get(seq), table.take(seq)], [0, undefined, undefined]);
});

Deno.test("SeqTable: numbers of any size and order", () => {
  const table = new SeqTable<{ seq: number }>();
  const numbers = [0, 64, 128, 2 ** 31, 2 ** 32, 2 ** 32 + 64, Number.MAX_SAFE_INTEGER, 1, 65];
  for (const seq of numbers) table.set({ seq });
  assertEquals(table.size, numbers.length);
  for (const seq of numbers) assertEquals(table.take(seq)?.seq, seq);
  for (const seq of numbers) assertEquals(table.take(seq), undefined);
  assertEquals(table.size, 0);
});
