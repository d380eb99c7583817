/**
 * Damaged streams on whole connections: a server with its queue and its writer, a client with its
 * calls, and beside them another connection, whose calls must go on.
 */

import { assertEquals } from "@std/assert";
import { type Client, dial } from "../../client.ts";
import { RpcError } from "../../errors.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { encodeOption } from "../../protocol/handshake.ts";
import { Server } from "../../server.ts";
import { FakeClock, MemoryNetwork } from "../../testing.ts";
import { rawClient, RawServer } from "../support/raw_peer.ts";
import { IN_FLIGHT, methodOf, SCHEMAS } from "./corpus.ts";
import type { Input } from "./outcome.ts";
import type { Violation } from "./properties.ts";

const EXTENDED = '{"ServiceMethod":"","Seq":0,"Ext":{"Instance":"fuzz","Load":0}}\nnull\n';

/** A server, a client whose server is played, and a bystander, all of one protocol. */
export class Whole {
  readonly #clock = new FakeClock();
  readonly #network = new MemoryNetwork({ clock: this.#clock });
  readonly #protocol: Protocol;
  readonly #server: Server;
  #bystander!: Client;
  #played!: RawServer;

  private constructor(protocol: Protocol) {
    this.#protocol = protocol;
    this.#server = new Server({ clock: this.#clock, maxMessageBytes: 4096, maxDepth: 20 });
    this.#server.register("S", {
      Plain: (args: unknown) => args,
      Typed: () => ({ a: 1 }),
      Wide: (args: unknown) => args,
    }, { schema: { Plain: {}, Typed: SCHEMAS["S.Typed"], Wide: SCHEMAS["S.Wide"] } });
  }

  /** Starts it. */
  static async start(protocol: Protocol): Promise<Whole> {
    const whole = new Whole(protocol);
    const network = whole.#network;
    await whole.#server.listen("memory@server", { network, protocol });
    whole.#played = await RawServer.listen(network, "memory@played");
    whole.#bystander = await whole.#dial("memory@server");
    return whole;
  }

  /** Feeds an input to the end that reads it; there is none for what a client has not asked for. */
  async examine(input: Input): Promise<Violation | undefined> {
    try {
      if (input.target.side === "client") await this.#toClient(input);
      else if (input.target.side !== "connect") await this.#toServer(input);
      assertEquals(await this.#bystander.call("S.Plain", "still there"), "still there");
      assertEquals(this.#server.connections, 1);
    } catch (error) {
      const detail = error instanceof Error ? `${error.stack}` : String(error);
      return { property: "other connections go on", detail };
    }
  }

  /** Ends it. */
  async end(): Promise<void> {
    await this.#bystander.close();
    await this.#played.close();
    await this.#server.close({ graceMs: 0 });
    assertEquals(this.#clock.timers, 0);
  }

  #dial(address: string): Promise<Client> {
    const limits = { maxMessageBytes: 4096, maxDepth: 20 };
    const [network, clock, protocol] = [this.#network, this.#clock, this.#protocol];
    return dial(address, { network, clock, protocol, ...limits });
  }

  async #toServer({ target: { side }, bytes, cuts, isExtended }: Input): Promise<void> {
    const raw = await rawClient(this.#network, "memory@server");
    if (side === "server" && this.#protocol.startsWith("geerpc/")) {
      const type = this.#protocol === "geerpc/gob" ? "application/gob" : "application/json";
      const option = encodeOption(type, 0);
      await raw.write(isExtended ? option : option.replace(',"Ext":1}', "}       "));
    }
    const writes = write(raw, bytes, cuts);
    // A call behind it shows that the server has gone through what could be read.
    await this.#bystander.call("S.Plain", 1);
    raw.close();
    await writes;
    while (this.#server.connections > 1) await this.#bystander.call("S.Plain", 1);
  }

  async #toClient({ bytes, cuts, isExtended }: Input): Promise<void> {
    const client = await this.#dial("memory@played");
    const raw = await this.#played.accept();
    const settled: unknown[] = [];
    const calls = Array.from({ length: IN_FLIGHT }, (_, index) => {
      const serviceMethod = methodOf(index + 1);
      // The argument is of no weight here; the type of the reply is.
      const schema = { reply: SCHEMAS[serviceMethod]?.reply };
      return client.call(serviceMethod, 1, { schema }).then(
        (value) => settled.push(value),
        (error) => {
          if (!(error instanceof RpcError)) throw error;
          settled.push(error);
        },
      );
    });
    await raw.until(({ bytes }) => bytes.length > 0);
    if (isExtended) await raw.write(EXTENDED);
    await write(raw, bytes, cuts);
    raw.close();
    await Promise.all(calls);
    await client.close();
    assertEquals([settled.length, client.inFlight], [IN_FLIGHT, 0]);
  }
}

/** Writes until the other end has closed, which a damaged stream may bring about. */
async function write(
  raw: { write(bytes: Uint8Array): Promise<void> },
  bytes: Uint8Array,
  cuts: readonly number[],
): Promise<void> {
  const bounds = [0, ...cuts.filter((at) => at < bytes.length), bytes.length];
  try {
    for (let index = 1; index < bounds.length; index++) {
      if (bounds[index] === bounds[index - 1]) continue;
      await raw.write(bytes.subarray(bounds[index - 1], bounds[index]));
    }
  } catch {
    // The other end has closed.
  }
}
