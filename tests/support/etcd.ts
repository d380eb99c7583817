/** A real etcd, of one member or three, on loopback ports of its own. */

import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { type HeldPorts, startOnPorts } from "./ports.ts";
import { isMissing, Program, scratchFolder, until } from "./processes.ts";

/** Whether tests with a real etcd are skipped here. */
export const isEtcdMissing: boolean = isMissing("etcd-server", "etcd");

/** Options for {@linkcode EtcdCluster.start}. */
export interface EtcdClusterOptions {
  /** How many members. Default 1. */
  members?: number;
  /** More arguments for each. */
  args?: string[];
  /** Whether clients must use TLS, with the server's certificate of the fixtures. */
  tls?: boolean;
}

const file = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

interface Member {
  readonly name: string;
  readonly url: string;
  readonly args: string[];
  program: Program | undefined;
}

/** One etcd, or several that are one cluster. */
export class EtcdCluster {
  readonly #members: Member[];
  readonly #ports: HeldPorts;
  readonly #folder = scratchFolder("xclient_etcd");

  private constructor(ports: HeldPorts, options: EtcdClusterOptions) {
    const { members: count = 1, args = [], tls = false } = options;
    const { path } = this.#folder;
    const { numbers } = this.#ports = ports;
    const names = Array.from({ length: count }, (_, index) => `m${index}`);
    const peerUrl = (index: number) => `http://127.0.0.1:${numbers[count + index]}`;
    const all = names.map((name, index) => `${name}=${peerUrl(index)}`).join();
    this.#members = names.map((name, index): Member => {
      const url = `${tls ? "https" : "http"}://127.0.0.1:${numbers[index]}`;
      return {
        name,
        url,
        program: undefined,
        args: [
          ["--name", name],
          ["--data-dir", `${path}/${name}`],
          ["--listen-client-urls", url],
          ["--advertise-client-urls", url],
          ["--listen-peer-urls", peerUrl(index)],
          ["--initial-advertise-peer-urls", peerUrl(index)],
          ["--initial-cluster", all],
          ["--log-level", "error"],
          // Not --auto-tls: later versions make a certificate of an authority, which Deno refuses.
          ...(tls
            ? [["--cert-file", file("localhost.pem")], ["--key-file", file("localhost.key")]]
            : []),
          args,
        ].flat(),
      };
    });
  }

  /** Starts it; resolves when it answers, or with TLS when it listens. */
  static start(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
    const { members: count = 1, tls = false } = options;
    return startOnPorts(count * 2, async (ports) => {
      const cluster = new EtcdCluster(ports, options);
      try {
        for (const { name } of cluster.#members) cluster.run(name);
        const isUp = (member: Member) => tls ? cluster.#listens(member) : cluster.#answers(member);
        await Promise.all(cluster.#members.map(isUp));
        return cluster;
      } catch (error) {
        await cluster.stop();
        throw error;
      }
    });
  }

  /** The client URLs of its members. */
  get endpoints(): string[] {
    return this.#members.map(({ url }) => url);
  }

  /** The names of its members. */
  get names(): string[] {
    return this.#members.map(({ name }) => name);
  }

  /** The folder of its files. */
  get folder(): string {
    return this.#folder.path;
  }

  /** Starts a member, or all, again. */
  run(name = this.names[0]): void {
    const member = this.#find(name);
    member.program = new Program("etcd", member.args);
  }

  /** Resolves when a member answers, writes included. */
  async answers(name = this.names[0]): Promise<void> {
    await this.#answers(this.#find(name));
  }

  /** `kill -9`. */
  async kill(name = this.names[0]): Promise<void> {
    await this.#find(name).program?.kill();
  }

  /** The name of the member that leads. */
  async leader(): Promise<string> {
    const status = await this.ask("/v3/maintenance/status", {});
    const { members } = await this.ask("/v3/cluster/member/list", {}) as {
      members: { ID: string; name: string }[];
    };
    return members.find(({ ID }) => ID === status.leader)!.name;
  }

  /** Makes a request to a member that runs. */
  async ask(path: string, body: unknown, token?: string): Promise<Record<string, unknown>> {
    const member = this.#members.find(({ program }) => program && !program.isOver)!;
    const response = await this.#post(member.url + path, body, 5000, token);
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Puts a key. */
  async put(key: string, value: string): Promise<void> {
    await this.ask("/v3/kv/put", { key: btoa(key), value: btoa(value) });
  }

  /** Ends it, and removes its files. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map(({ program }) => program?.kill()));
    this.#folder.remove();
    await this.#ports.release();
  }

  async #listens(member: Member): Promise<void> {
    await until(`etcd ${member.name} listens`, () => {
      checkRuns(member);
      const { hostname, port } = new URL(member.url);
      return new Promise((resolve) => {
        const socket = connect(Number(port), hostname);
        socket.once("error", () => resolve(false));
        socket.once("connect", () => {
          socket.once("close", () => resolve(true));
          socket.destroy();
        });
      });
    });
  }

  async #answers(member: Member): Promise<void> {
    const { name, url } = member;
    await until(`etcd ${name} answers`, async () => {
      checkRuns(member);
      try {
        const body = { key: btoa("a"), count_only: true };
        const response = await this.#post(`${url}/v3/kv/range`, body, 1000);
        return response.status < 500; // with users, it refuses
      } catch {
        return false;
      }
    });
  }

  async #post(url: string, body: unknown, limitMs: number, token?: string): Promise<Response> {
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(new Error(`${url}: no answer`)), limitMs);
    try {
      const response = await fetch(url, {
        method: "POST",
        body: JSON.stringify(body),
        headers: token ? { Authorization: token } : {},
        signal: ending.signal,
      });
      const { status } = response;
      return new Response(await response.text(), { status });
    } finally {
      clearTimeout(timer);
    }
  }

  #find(name: string): Member {
    return this.#members.find((member) => member.name === name)!;
  }
}

function checkRuns({ name, program }: Member): void {
  if (program?.isOver) throw new Error(`etcd ${name} has ended: ${program.output}`);
}
