/** What every kind of transport does alike: memory, and this runtime's own sockets. */

import { existsSync } from "node:fs";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { parseAddress } from "../address.ts";
import type { Transport } from "../transport.ts";
import { deferred, failure, RawPeer, settled } from "./support/helpers.ts";
import { countingSignal } from "./support/signals.ts";
import { connected, finish, KINDS, tls, trust } from "./support/transports.ts";

for (const [name, kind] of Object.entries(KINDS)) {
  Deno.test(`${name}: bytes go both ways, in order and unchanged`, () =>
    connected(kind, async (ours, theirs) => {
      const [a, b] = [new RawPeer(ours), new RawPeer(theirs)];
      for (const text of ["one ", "", "two ", "é€😀"]) await a.write(text);
      await b.until(({ text }) => text === "one two é€😀");
      await b.write("back");
      await a.until(({ text }) => text === "back");
      await finish(a, b);
    }));

  Deno.test(`${name}: bytes that arrive before the reader starts are not lost`, () =>
    connected(kind, async (ours, theirs) => {
      const a = new RawPeer(ours);
      await a.write("early");
      await settled();
      const b = new RawPeer(theirs);
      await b.until(({ text }) => text === "early");
      await finish(a, b);
    }));

  Deno.test(`${name}: 8 MiB in one write arrive whole`, () =>
    connected(kind, async (ours, theirs) => {
      const bytes = new Uint8Array(8 * 1024 * 1024);
      for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
      let at = 0;
      let isSame = true;
      const done = deferred();
      theirs.start({
        data(chunk) {
          for (const byte of chunk) isSame &&= byte === bytes[at++];
          if (at === bytes.length) done.resolve();
        },
        end: () => done.resolve(),
      });
      const a = new RawPeer(ours);
      await a.write(bytes);
      await done.promise;
      assert(isSame);
      assertEquals(at, bytes.length);
      await finish(a);
    }));

  Deno.test(`${name}: a reader that pauses gets no more until it goes on`, () =>
    connected(kind, async (ours, theirs) => {
      const [a, b] = [new RawPeer(ours), new RawPeer(theirs)];
      b.pause();
      await a.write("first");
      await b.until(({ text }) => text.length > 0);
      const before = b.chunks.length;
      await a.write("second");
      for (let n = 0; n < 5; n++) await settled();
      assertEquals(b.chunks.length, before);
      b.resume();
      await b.until(({ text }) => text === "firstsecond");
      await finish(a, b);
    }));

  Deno.test(`${name}: a close ends both sides, once, without an error`, () =>
    connected(kind, async (ours, theirs) => {
      const isTls = ours.remote.startsWith("tls@");
      const ends: [string, unknown][] = [];
      const both = [deferred(), deferred()];
      const receiver = (who: string, done: { resolve(): void }) => ({
        data() {},
        end(error?: unknown) {
          ends.push([who, error]);
          done.resolve();
        },
      });
      ours.start(receiver("ours", both[0]));
      theirs.start(receiver("theirs", both[1]));
      await settled();
      ours.close();
      ours.close();
      await both[0].promise;
      await both[1].promise;
      theirs.close();
      await settled();
      assertEquals(ends.map(([who]) => who).sort(), ["ours", "theirs"]);
      // A close with unread bytes, such as those of TLS's session, may reach the other side as a reset.
      const errors = ends.filter(([who, error]) =>
        error !== undefined && !(who === "theirs" && isTls)
      );
      assertEquals(errors, []);
      await assertRejects(() => ours.write(new Uint8Array([1])));
    }));

  Deno.test(`${name}: what was written before the close arrives before the end`, () =>
    connected(kind, async (ours, theirs) => {
      const b = new RawPeer(theirs);
      await ours.write(new TextEncoder().encode("last words"));
      const a = new RawPeer(ours);
      a.close();
      await b.ended;
      assertEquals(b.text, "last words");
      await finish(a, b);
    }));

  Deno.test(`${name}: addresses`, () =>
    connected(kind, (ours, theirs, { address }) => {
      const { scheme, port, hostname } = parseAddress(address);
      assertEquals(ours.remote, address);
      if (scheme === "tcp" || scheme === "tls") {
        assert(port > 0);
        assert(
          /^(tcp@127\.0\.0\.1|tls@(127\.0\.0\.1|\[::1\]|\[::ffff:127\.0\.0\.1\])):\d+$/.test(
            theirs.remote,
          ),
          theirs.remote,
        );
        assert(theirs.remote !== address && hostname !== "");
      }
      ours.start({ data() {}, end() {} });
      theirs.start({ data() {}, end() {} });
      return Promise.resolve();
    }));

  Deno.test(`${name}: an address in use, and one that is not listened on any more`, async () => {
    const { network, address } = kind;
    const listener = await network.listen(
      parseAddress(address()),
      (transport) => transport.close(),
      { tls },
    );
    const taken = parseAddress(listener.address);
    await assertRejects(() => Promise.resolve(network.listen(taken, () => {}, { tls })));
    await listener.close();
    await assertRejects(() => network.connect(taken, { tls: trust }));
    const again = await network.listen(taken, (transport) => transport.close(), { tls });
    await again.close();
    if (taken.scheme === "unix") {
      assert(!existsSync(taken.path), "the socket's file is still there");
    }
  });

  Deno.test(`${name}: a signal that has aborted already gives its reason`, async () => {
    const { network, address } = kind;
    const listener = await network.listen(
      parseAddress(address()),
      (transport) => transport.close(),
      { tls },
    );
    const reason = { any: "reason" };
    const signal = AbortSignal.abort(reason);
    const connecting = network.connect(parseAddress(listener.address), { signal, tls: trust });
    assertStrictEquals(await failure(connecting), reason);
    await listener.close();
  });

  Deno.test(`${name}: one signal for twelve connections has one listener, and none at the end`, async () => {
    const { network, address } = kind;
    const accepted: Transport[] = [];
    const all = deferred();
    const listener = await network.listen(parseAddress(address()), (transport) => {
      if (accepted.push(transport) === 12) all.resolve();
    }, { tls });
    const { signal, counts } = countingSignal();
    const endpoint = parseAddress(listener.address);
    const connections = await Promise.all(
      Array.from({ length: 12 }, () => network.connect(endpoint, { signal, tls: trust })),
    );
    assert(counts.most <= 1, `${counts.most} listeners`);
    assertEquals(counts.now, 0);
    await all.promise;
    for (const transport of [...connections, ...accepted]) transport.close();
    await listener.close();
  });
}
