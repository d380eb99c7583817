/** A real name server, BIND, on a loopback port of its own, with the zone `example`. */

import { Resolver } from "node:dns/promises";
import { writeFileSync } from "node:fs";
import { type HeldPorts, startOnPorts } from "./ports.ts";
import { isMissing, Program, scratchFolder, until } from "./processes.ts";

/** Whether tests with BIND are skipped here. */
export const isBindMissing: boolean = isMissing("bind9", "named");

/** BIND, and its zone as the test writes it. */
export class Bind {
  /** Its address, as `host:port`. */
  readonly address: string;
  readonly #ports: HeldPorts;
  readonly #folder = scratchFolder("xclient_bind");
  #program: Program | undefined;
  #serial = 0;

  private constructor(ports: HeldPorts) {
    this.#ports = ports;
    this.address = `127.0.0.1:${ports.numbers[0]}`;
  }

  /**
   * Starts it.
   *
   * @param records The zone's records, a line each.
   */
  static start(records: readonly string[]): Promise<Bind> {
    return startOnPorts(1, async (ports) => {
      const server = new Bind(ports);
      try {
        server.#write(records);
        server.#program = new Program("named", ["-g", "-n", "1", "-c", `${server.#path}/conf`]);
        await server.#serves();
        return server;
      } catch (error) {
        await server.stop();
        throw error;
      }
    });
  }

  /** Changes the records; resolves when it answers with them. */
  async set(records: readonly string[]): Promise<void> {
    this.#write(records);
    this.#program!.signal("SIGHUP");
    await this.#serves();
  }

  /** Ends it, and removes its files. */
  async stop(): Promise<void> {
    await this.#program?.kill();
    this.#folder.remove();
    await this.#ports.release();
  }

  get #path(): string {
    return this.#folder.path;
  }

  #write(records: readonly string[]): void {
    const serial = ++this.#serial;
    const zone = [
      "$TTL 1",
      `@ IN SOA ns hostmaster ${serial} 3600 600 86400 1`,
      "@ IN NS ns",
      "ns IN A 127.0.0.1",
      `generation-${serial} IN A 127.0.0.1`,
      ...records,
    ];
    writeFileSync(`${this.#path}/zone`, zone.join("\n") + "\n");
    // It answers for two zones: of `refused` to nobody, and of `broken`, whose file is none, it can't.
    writeFileSync(`${this.#path}/broken`, "this is no zone\n");
    const master = (name: string, file: string, more = "") =>
      `zone "${name}" { type master; file "${this.#path}/${file}"; ${more} };`;
    const settings = [
      `options { directory "${this.#path}"; listen-on port ${this.#ports.numbers[0]}`,
      "{ 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no;",
      `pid-file none; session-keyfile "${this.#path}/key"; notify no; max-records-per-type 0; };`,
      "controls {};",
      master("example", "zone"),
      master("refused", "zone", "allow-query { none; };"),
      master("broken", "broken"),
    ];
    writeFileSync(`${this.#path}/conf`, settings.join("\n") + "\n");
  }

  async #serves(): Promise<void> {
    const name = `generation-${this.#serial}.example`;
    const program = this.#program!;
    await until(`BIND knows ${name}`, async () => {
      if (program.isOver) throw new Error(`BIND has ended: ${program.output}`);
      const resolver = new Resolver({ timeout: 500, tries: 1 });
      resolver.setServers([this.address]);
      return await resolver.resolve4(name).then(() => true, () => false);
    });
  }
}
