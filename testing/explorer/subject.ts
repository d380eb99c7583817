/**
 * What is explored: the services, the methods that are called on them, and the
 * clients that call.
 *
 * @module
 */

import type { Discovery } from "../../discovery.ts";
import type { CallContext } from "../../server.ts";
import type { Network } from "../../transport.ts";
import { XClient } from "../../xclient.ts";
import { seededRandom } from "../seeded_random.ts";
import type { PlanProtocol } from "./plan.ts";
import type { ExploredServices } from "./server.ts";

/** A method that plans call. */
export interface ExploredMethod {
  /** `Service.Method`. */
  readonly serviceMethod: string;
  /** Whether it may run twice. Default: plans have it both ways. */
  readonly idempotent?: boolean;
  /**
   * The argument of a call. Default: none.
   *
   * @param id The call's number in its plan, from 1.
   * @param random Chance that comes out the same for the same call.
   */
  args?(id: number, random: () => number): unknown;
  /**
   * Checks a reply against its argument.
   *
   * @throws If it is not the answer to that argument.
   */
  check?(reply: unknown, args: unknown): void;
}

/** The options of an `XClient`. */
export type ExploredClientOptions = NonNullable<ConstructorParameters<typeof XClient>[1]>;

/** What became of a call at one server, as `inform` tells it. */
export interface ReceiptRecord {
  /** The server. */
  readonly address: string;
  /** Whether it succeeded. */
  readonly ok: boolean;
  /** What it replied, if it did. */
  readonly reply?: unknown;
  /** Why it failed, if it did. */
  readonly error?: unknown;
}

/** What is said along with a call, to one server or to many. */
export type ExploredCallOptions =
  & NonNullable<Parameters<XClient["call"]>[2]>
  & NonNullable<Parameters<XClient["broadcast"]>[2]>;

/** A call of an `XClient`. */
export type ExploredCall<Reply> = (
  serviceMethod: string,
  args?: unknown,
  options?: ExploredCallOptions,
) => Reply;

/** What the explorer uses of a stream. */
export interface ExploredStream<T> {
  /** Reads an item. */
  next(): Promise<IteratorResult<T, undefined>>;
  /** Leaves it. */
  return(): Promise<IteratorResult<T, undefined>>;
  /** It is its own iterator. */
  [Symbol.asyncIterator](): ExploredStream<T>;
}

/** What a stream of all servers brings. */
export interface AllItem {
  /** The server. */
  readonly address: string;
  /** An item. */
  readonly value?: unknown;
  /** Why it gives no more. */
  readonly error?: unknown;
}

/** What the explorer uses of an `XClient`. */
export interface ExploredClient {
  /** Calls one server. */
  readonly call: ExploredCall<Promise<unknown>>;
  /** Calls all, which must succeed. */
  readonly broadcast: ExploredCall<Promise<unknown>>;
  /** Calls all, of which one must succeed. */
  readonly fork: ExploredCall<Promise<unknown>>;
  /** Calls all, and tells of each. */
  readonly inform: ExploredCall<AsyncIterable<ReceiptRecord>>;
  /** Reads what one server gives. Absent where there are no streams. */
  readonly stream?: (
    serviceMethod: string,
    args?: unknown,
    options?: NonNullable<Parameters<XClient["stream"]>[2]>,
  ) => ExploredStream<unknown>;
  /** Reads what all give. */
  readonly streamAll?: (
    serviceMethod: string,
    args?: unknown,
    options?: NonNullable<Parameters<XClient["streamAll"]>[2]>,
  ) => ExploredStream<AllItem>;
  /** Its servers, and how they fare. */
  endpoints(): ReturnType<XClient["endpoints"]>;
  /** Closes it. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/** What is explored. */
export interface Subject {
  /** What every server offers, made anew for each process of a server. */
  readonly services: (server: string) => ExploredServices;
  /** What is called. */
  readonly methods: readonly ExploredMethod[];
  /** Whether streams are explored, which have a service of their own. */
  readonly hasStreams?: boolean;
  /** The protocols that servers may speak. */
  readonly protocols: readonly PlanProtocol[];
  /** Which call a handler runs for: what `args` or the metadata say. */
  idOf(args: unknown, context: CallContext): number;
  /** Makes a client. */
  client(discovery: Discovery, options: ExploredClientOptions): ExploredClient;
  /** What the clients connect with: the run's network, or something around it. */
  network(network: Network): Network;
}

/** The key of the metadata that tells a user's service's calls apart. */
export const CALL_KEY = "explored-call";

/** What the explorer's own service takes. */
export interface EchoArgs {
  readonly Id: number;
  readonly Text: string;
}

/** What it replies. */
export interface EchoReply extends EchoArgs {
  readonly Server: string;
}

/** The explorer's own service: it says what it was told, and who says so. */
export const ECHO: Subject = {
  hasStreams: true,
  services: (server) => ({
    Explored: {
      Echo: ({ Id, Text }: EchoArgs): EchoReply => ({ Id, Text, Server: server }),
    },
  }),
  methods: [{
    serviceMethod: "Explored.Echo",
    args: (id, random): EchoArgs => ({ Id: id, Text: `${id} ${Math.floor(random() * 1e9)}` }),
    check: (reply, args) => {
      const [{ Id, Text }, expected] = [reply as EchoReply, args as EchoArgs];
      if (Id !== expected.Id || Text !== expected.Text) {
        throw new Error(`call ${expected.Id} got the answer of call ${Id}`);
      }
    },
  }],
  protocols: ["geerpc/json", "geerpc/gob", "netrpc/json", "netrpc/gob"],
  idOf: (args) => (args as EchoArgs).Id,
  client: (discovery, options) => new XClient(discovery, options),
  network: (network) => network,
};

/** The argument of a call: the same whenever and wherever it is made. */
export function argumentOf(method: ExploredMethod, seed: number, id: number): unknown {
  return method.args?.(id, seededRandom(Math.imul(seed, 31) + id));
}
