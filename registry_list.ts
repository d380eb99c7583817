/**
 * The list of a discovery by registry: what the registries have told, kept
 * where they tell nothing, and who is to hear of it.
 *
 * @module
 */

import type { Clock, Timer } from "./clock.ts";
import type { Listing } from "./registry_protocol.ts";
import { RegistryView } from "./registry_view.ts";
import type { Random } from "./selector.ts";
import { ServerList } from "./server_list.ts";

/** Something that a `RegistryDiscovery` has to tell. */
export type RegistryDiscoveryEvent =
  /** The list has changed. */
  | { readonly type: "changed"; readonly servers: readonly string[] }
  /** A registry lists no servers: the last good list stays. */
  | { readonly type: "empty"; readonly url: string }
  /** A registry lists something that is no address: it is left out. */
  | {
    readonly type: "invalid";
    readonly url: string;
    readonly server: string;
    readonly error: unknown;
  }
  /** A registry does not answer, or its stream has ended: the last good list stays. */
  | { readonly type: "failed"; readonly url: string; readonly error: unknown }
  /** A registry answers again. */
  | { readonly type: "recovered"; readonly url: string };

/** The last good list, and how old it is. */
export class RegistryList {
  /** The list itself, and who watches it. */
  readonly servers: ServerList;
  readonly #clock: Clock;
  readonly #tell: (event: RegistryDiscoveryEvent) => void;
  readonly #view = new RegistryView();
  /** What was reported already. */
  #invalid: ReadonlySet<string> = new Set();
  #isEmpty = false;
  #agreedAtMs = -Infinity;
  #timer: Timer | undefined;
  #closed = false;

  /**
   * @param clock Where the time comes from.
   * @param random Where `get` takes chance from.
   * @param tell Told what happens.
   */
  constructor(
    clock: Clock,
    random: Random | undefined,
    tell: (event: RegistryDiscoveryEvent) => void,
  ) {
    this.servers = new ServerList(random);
    this.#clock = clock;
    this.#tell = tell;
  }

  /** For how long no registry has said that the list is so, in milliseconds. */
  get staleMs(): number {
    return this.#clock.now() - this.#agreedAtMs;
  }

  /**
   * Takes in what a registry says.
   *
   * @param listing What it says.
   * @param url Which registry.
   */
  take(listing: Listing, url: string): void {
    if (this.#closed) return;
    const nowMs = this.#clock.now();
    const invalid = new Set<string>();
    const isNews = this.#view.take(listing, nowMs, (server, error) => {
      invalid.add(server);
      if (!this.#invalid.has(server)) this.#tell({ type: "invalid", url, server, error });
    });
    if (!isNews) return;
    this.#invalid = invalid;
    const isEmpty = listing.servers.length === invalid.size;
    if (isEmpty && !this.#isEmpty) this.#tell({ type: "empty", url });
    this.#isEmpty = isEmpty;
    this.alive();
    this.#show();
  }

  /** The registry shows that what it said last is still so. */
  alive(): void {
    if (!this.#isEmpty) this.#agreedAtMs = this.#clock.now();
  }

  /**
   * Puts a list in place until a registry says otherwise.
   *
   * @param servers Their addresses.
   * @throws {RpcError} `invalid_argument` for a wrong address; the list stays then.
   */
  update(servers: readonly string[]): void {
    const isChanged = this.servers.take(servers);
    this.#view.clear();
    this.#timer?.cancel();
    if (isChanged) this.#tell({ type: "changed", servers: this.servers.current! });
  }

  /** Takes in no more. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** Shows the servers that are known now; none at all only if none ever were. */
  #show(): void {
    this.#timer?.cancel();
    const nowMs = this.#clock.now();
    const servers = this.#view.servers(nowMs);
    if (servers.length === 0 && this.servers.current !== undefined) return;
    if (this.servers.take(servers)) {
      this.#tell({ type: "changed", servers: this.servers.current! });
    }
    const { dueAtMs } = this.#view;
    if (dueAtMs === Infinity) return;
    this.#timer = this.#clock.setTimer(dueAtMs - nowMs, () => this.#show());
  }
}
