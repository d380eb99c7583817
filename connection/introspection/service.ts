/**
 * The service by which a server tells of itself: `_xclient`.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { RpcError } from "../../errors.ts";
import { VERSION } from "../../internal/version.ts";
import { textOf } from "../../internal/schema.ts";
import { isLocal } from "../peers.ts";
import { type Method, type ServiceOptions, Services } from "../services.ts";
import { describedHash } from "./described_hash.ts";
import {
  INTROSPECTION_SERVICE,
  type MethodDescription,
  type ServerDescription,
  type ServerFigures,
  type ServiceDescription,
  toWire,
} from "./reports.ts";
import type { Statuses } from "./statuses.ts";

/** Whom a server tells of itself. */
export type IntrospectionMode = "loopback" | "everyone" | "off";

/** All modes. */
export const INTROSPECTION_MODES: readonly IntrospectionMode[] = ["loopback", "everyone", "off"];

/** What introspection needs of its server. */
export interface IntrospectionOptions {
  /** Whom it tells. */
  readonly mode: IntrospectionMode;
  /** What the server offers. */
  readonly services: Services;
  /** Which of it takes calls. */
  readonly statuses: Statuses;
  /** Where the uptime comes from. */
  readonly clock: Clock;
  /** What stands around every method of the server, its own included; nothing by default. */
  readonly around?: ServiceOptions["around"];
  /** The figures of now, but for the uptime. */
  figures(): Omit<ServerFigures, "uptimeMs">;
}

/** What one server tells of itself, and to whom. */
export class Introspection {
  readonly #options: IntrospectionOptions;
  readonly #startedAtMs: number;
  /** Made when they are first asked for. */
  #instance: string | undefined;
  #methods: Services | undefined;

  /** @param options What it needs of its server. */
  constructor(options: IntrospectionOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.now();
  }

  /**
   * Looks a method of the service up.
   *
   * @param serviceMethod `Service.Method`.
   * @param remote Who calls it.
   * @returns `undefined` if there is none, or none for this peer.
   */
  find(serviceMethod: string, remote: string): Method | undefined {
    const { mode } = this.#options;
    if (mode === "off" || !serviceMethod.startsWith(INTROSPECTION_SERVICE)) return undefined;
    if (mode === "loopback" && !isLocal(remote)) return undefined;
    return (this.#methods ??= this.#offered()).find(serviceMethod);
  }

  /** Names this server among all, those before it at its address included. */
  get instance(): string {
    return this.#instance ??= crypto.randomUUID();
  }

  /** The figures of now. */
  figures(): ServerFigures {
    return { uptimeMs: this.#uptimeMs, ...this.#options.figures() };
  }

  /** What the server is and offers. */
  describe(): ServerDescription {
    const { services, statuses } = this.#options;
    return {
      version: VERSION,
      instance: this.instance,
      uptimeMs: this.#uptimeMs,
      status: statuses.of(""),
      services: [...services.names()].map(([name, names]): ServiceDescription => {
        const methods = names.sort().map((method): MethodDescription => {
          const schema = services.find(`${name}.${method}`)?.schema;
          return { name: method, args: textOf(schema?.args), reply: textOf(schema?.reply) };
        });
        return { name, status: statuses.of(name), hash: describedHash(methods), methods };
      }),
    };
  }

  get #uptimeMs(): number {
    return Math.round(this.#options.clock.now() - this.#startedAtMs);
  }

  #offered(): Services {
    const offered = new Services();
    const methods = {
      Check: (args: unknown) => ({ Status: this.#check(serviceIn(args)) }),
      Describe: () => toWire(this.describe()),
      Figures: () => toWire(this.figures()),
    };
    const { around } = this.#options;
    offered.add(INTROSPECTION_SERVICE, methods, { around, unlimited: Object.keys(methods) });
    return offered;
  }

  #check(service: string): string {
    const { services, statuses } = this.#options;
    if (service !== "" && !services.has(service)) {
      throw new RpcError("not_found", `there is no service ${service} here`);
    }
    return statuses.of(service);
  }
}

/** The service that is asked for; "" for the server as a whole. */
function serviceIn(args: unknown): string {
  const service = (args as { Service?: unknown } | undefined | null)?.Service ?? "";
  if (typeof service === "string") return service;
  throw new RpcError("invalid_argument", "Service must be the name of a service");
}
