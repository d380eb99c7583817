/** The raw echo: one message to an echo server and back, on a raw socket. */

import { parseAddress } from "@geerpc/xclient";

/** The message: a request for `Arith.Sum` as it is on the wire. */
const MESSAGE = new TextEncoder().encode(
  '{"ServiceMethod":"Arith.Sum","Seq":123456}\n{"A":1,"B":2}\n',
);

/** A connection to an echo server. */
export class RawEcho implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #buffer = new Uint8Array(4096);

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Connects to an echo server. */
  static async dial(address: string): Promise<RawEcho> {
    const { hostname, port } = parseAddress(address);
    const conn = await Deno.connect({ hostname, port });
    conn.setNoDelay(true);
    return new RawEcho(conn);
  }

  /** The length of the message, in bytes. */
  static get bytes(): number {
    return MESSAGE.length;
  }

  /** Sends the message and waits until all of it is back; resolves to its length. */
  async echo(): Promise<number> {
    await this.#conn.write(MESSAGE);
    let length = 0;
    while (length < MESSAGE.length) {
      const read = await this.#conn.read(this.#buffer);
      if (read === null) throw new Error("the echo server closed the connection");
      length += read;
    }
    return length;
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}
