/** A real name server, dnsmasq, on a loopback port of its own, whose records change. */

import { Resolver } from "node:dns/promises";
import { writeFileSync } from "node:fs";
import { type HeldPorts, startOnPorts } from "./ports.ts";
import { isMissing, Program, scratchFolder, until } from "./processes.ts";

/** Whether tests with a real name server are skipped here. */
export const isDnsmasqMissing: boolean = isMissing("dnsmasq-base", "dnsmasq");

/** One SRV record. */
export interface Service {
  name: string;
  target: string;
  port: number;
  priority?: number;
  weight?: number;
}

/** A name server with the records of the test, all of them below `example`. */
export class NameServer {
  /** Its address, as `host:port`. */
  readonly address: string;
  readonly #ports: HeldPorts;
  readonly #folder = scratchFolder("xclient_dns");
  readonly #ttlSeconds: number;
  #program: Program | undefined;
  #services: readonly Service[] = [];
  #generation = 0;

  private constructor(ports: HeldPorts, ttlSeconds: number) {
    this.#ports = ports;
    this.#ttlSeconds = ttlSeconds;
    this.address = `127.0.0.1:${ports.numbers[0]}`;
  }

  /** Starts one. */
  static start(options: { ttlSeconds?: number } = {}): Promise<NameServer> {
    return startOnPorts(1, async (ports) => {
      const server = new NameServer(ports, options.ttlSeconds ?? 1);
      try {
        server.#writeHosts({});
        await server.run();
        return server;
      } catch (error) {
        await server.stop();
        throw error;
      }
    });
  }

  /** Starts it again. */
  async run(): Promise<void> {
    const settings = [
      `port=${this.#ports.numbers[0]}`,
      "listen-address=127.0.0.1",
      "bind-interfaces",
      "no-resolv",
      "no-hosts",
      "local=/example/",
      `local-ttl=${this.#ttlSeconds}`,
      `addn-hosts=${this.#folder.path}/hosts`,
      ...this.#services.map(({ name, target, port, priority = 0, weight = 0 }) =>
        `srv-host=${name},${target},${port},${priority},${weight}`
      ),
    ];
    writeFileSync(`${this.#folder.path}/conf`, settings.join("\n") + "\n");
    const program = new Program("dnsmasq", ["-d", "-C", `${this.#folder.path}/conf`]);
    this.#program = program;
    await this.#serves(program);
  }

  /** Changes the addresses while it runs; resolves when it answers with them. */
  async setHosts(hosts: Readonly<Record<string, readonly string[]>>): Promise<void> {
    this.#writeHosts(hosts);
    this.#program!.signal("SIGHUP");
    await this.#serves(this.#program!);
  }

  /** Changes the SRV records, for which dnsmasq has to be started again. */
  async setServices(services: readonly Service[]): Promise<void> {
    this.#services = services;
    await this.kill();
    await this.run();
  }

  /** Stops it from answering; it keeps its port. */
  pause(): void {
    this.#program?.signal("SIGSTOP");
  }

  /** Lets it answer again. */
  resume(): void {
    this.#program?.signal("SIGCONT");
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  /** Ends it, and removes its files. */
  async stop(): Promise<void> {
    await this.kill();
    this.#folder.remove();
    await this.#ports.release();
  }

  #writeHosts(hosts: Readonly<Record<string, readonly string[]>>): void {
    const lines = Object.entries(hosts)
      .flatMap(([name, addresses]) => addresses.map((address) => `${address} ${name}`));
    lines.push(`127.0.0.1 generation-${++this.#generation}.example`);
    writeFileSync(`${this.#folder.path}/hosts`, lines.join("\n") + "\n");
  }

  async #serves(program: Program): Promise<void> {
    const name = `generation-${this.#generation}.example`;
    await until(`dnsmasq knows ${name}`, async () => {
      if (program.isOver) throw new Error(`dnsmasq has ended: ${program.output}`);
      const resolver = new Resolver({ timeout: 500, tries: 1 });
      resolver.setServers([this.address]);
      return await resolver.resolve4(name).then(() => true, () => false);
    });
  }
}
