/** The raw echo: a socket, one message there, the same message back. */

import { parseAddress } from "@geerpc/xclient";

/** A request of `Arith.Sum` as it stands on the wire: what is echoed. */
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

  /** How long the message is. */
  static get bytes(): number {
    return MESSAGE.length;
  }

  /** Sends the message and waits for all of it; resolves to its length. */
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
