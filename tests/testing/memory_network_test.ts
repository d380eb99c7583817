import { assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { assertFailure, failure, inWorld, RawPeer, RawServer } from "../support/helpers.ts";

Deno.test("MemoryNetwork: delay, faults and cuts", () =>
  inWorld(async ({ clock, network }) => {
    const raw = await RawServer.listen(network, "memory@a");
    const connecting = network.connect(parseAddress("memory@a"));
    await clock.advance(9);
    assertEquals(raw.peers.length, 0);
    await clock.advance(1);
    const ours = new RawPeer(await connecting);
    const theirs = await raw.accept();
    assertEquals(network.connections("memory@a"), 1);

    await ours.write("late");
    await clock.advance(9);
    assertEquals(theirs.text, "");
    await clock.advance(1);
    assertEquals(theirs.text, "late");

    network.setFaults("memory@a", { silent: true });
    await ours.write("lost");
    await clock.advance(1000);
    assertEquals([theirs.text, ours.isOver], ["late", false]);
    const hanging = network.connect(parseAddress("memory@a"), {
      signal: AbortSignal.abort("enough"),
    });
    assertEquals(await failure(hanging), "enough");

    network.setFaults("memory@a", { refuse: true });
    const refused = failure(network.connect(parseAddress("memory@a")));
    await clock.advance(10);
    assertFailure(await refused, {
      code: "unavailable",
      execution: "not_sent",
      address: "memory@a",
    });

    network.setFaults("memory@a");
    network.cut("memory@a");
    await clock.advance(10);
    await Promise.all([ours.ended, theirs.ended]);
    assertEquals(network.connections("memory@a"), 0);
    await raw.close();
  }, { delayMs: 10 }));

Deno.test("MemoryNetwork: bytes arrive in order, whatever delays them; lost ones never do", () =>
  inWorld(async ({ clock, network }) => {
    const raw = await RawServer.listen(network, "memory@a");
    const ours = new RawPeer(await network.connect(parseAddress("memory@a")));
    const theirs = await raw.accept();
    network.setFaults("memory@a", { delayMs: 100 });
    await ours.write("one ");
    network.setFaults("memory@a", { held: true });
    await ours.write("two ");
    network.setFaults("memory@a", { silent: true }); // this loses what was held back too
    await ours.write("three ");
    network.setFaults("memory@a", { delayMs: 50 });
    await ours.write("four ");
    await clock.advance(50);
    network.setFaults("memory@a");
    await ours.write("five");
    ours.close();
    await clock.advance(49);
    assertEquals([theirs.text, theirs.isOver], ["", false]);
    await clock.advance(1);
    assertEquals([theirs.text, theirs.isOver], ["one four five", true]);
    await raw.close();
  }));
