/**
 * Which services of a server take calls, as its user says.
 *
 * @module
 */

import type { ServiceStatus } from "./reports.ts";

/** The statuses of a server and its services. */
export class Statuses {
  readonly #isDraining: () => boolean;
  /** Those that do not take calls; the server as a whole has the name "". */
  readonly #notServing = new Set<string>();

  /** @param isDraining Whether the server takes no calls any more. */
  constructor(isDraining: () => boolean) {
    this.#isDraining = isDraining;
  }

  /**
   * Sets the status of a service.
   *
   * @param service Its name, or "" for the server as a whole.
   * @param status Its status.
   */
  set(service: string, status: ServiceStatus): void {
    if (status === "serving") this.#notServing.delete(service);
    else this.#notServing.add(service);
  }

  /**
   * The status of a service: it takes calls if the server does, and it itself.
   *
   * @param service Its name, or "" for the server as a whole.
   */
  of(service: string): ServiceStatus {
    const isOut = this.#isDraining() || this.#notServing.has("") || this.#notServing.has(service);
    return isOut ? "not_serving" : "serving";
  }
}
