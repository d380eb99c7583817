/**
 * What an `XClient` shows of an endpoint.
 *
 * @module
 */

import type { Endpoint } from "./endpoint.ts";
import type { EndpointSnapshot } from "./options.ts";

/**
 * The live figures of an endpoint.
 *
 * @param endpoint The endpoint.
 * @param nowMs The present time.
 * @returns A frozen snapshot.
 */
export function snapshotOf(endpoint: Endpoint, nowMs: number): EndpointSnapshot {
  return Object.freeze({
    address: endpoint.address,
    weight: endpoint.listedWeight,
    effectiveWeight: endpoint.weight,
    zone: endpoint.zone,
    connected: endpoint.client !== undefined,
    health: endpoint.health.state(nowMs),
    stalled: endpoint.connector.isStalled,
    inFlight: endpoint.inFlight,
    oldestAgeMs: Math.max(0, nowMs - endpoint.oldestAtMs),
    latencyMs: endpoint.latencyMs,
    reportedLoad: endpoint.reportedLoad,
    reportedAgeMs: endpoint.reportedLoad === undefined ? undefined : nowMs - endpoint.reportedAtMs,
    successes: endpoint.successes,
    failures: endpoint.failures,
    refused: endpoint.refused,
  });
}
