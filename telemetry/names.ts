/**
 * The names of attributes and metrics: those of OpenTelemetry's conventions for
 * remote procedure calls, and our own, which begin with `xclient.`.
 *
 * @module
 */

/** The name of this library to OpenTelemetry: its instrumentation scope. */
export const SCOPE = "@geerpc/xclient";
/** What `rpc.system.name` says. */
export const SYSTEM = "geerpc";

/** Names of attributes. */
export const ATTRIBUTE = {
  system: "rpc.system.name",
  /** `Service.Method`, in one. */
  method: "rpc.method",
  /** An `RpcCode`; absent if the call succeeded. */
  status: "rpc.status_code",
  errorType: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port",
  peerAddress: "network.peer.address",
  peerPort: "network.peer.port",
  attemptNumber: "xclient.attempt.number",
  attemptReason: "xclient.attempt.reason",
  attemptRecalls: "xclient.attempt.recalls",
  attempts: "xclient.attempts",
  execution: "xclient.execution",
  event: "xclient.event",
  /** Of the items of a stream: `sent` or `received`, as the recording end sees it. */
  direction: "xclient.stream.direction",
} as const;

/** Names of metrics. */
export const METRIC = {
  clientDuration: "rpc.client.call.duration",
  serverDuration: "rpc.server.call.duration",
  attemptDuration: "xclient.client.attempt.duration",
  clientInFlight: "xclient.client.in_flight",
  serverInFlight: "xclient.server.in_flight",
  retries: "xclient.client.retries",
  hedges: "xclient.client.hedges",
  ejections: "xclient.client.ejections",
  events: "xclient.events",
  clientItems: "xclient.client.stream.items",
  serverItems: "xclient.server.stream.items",
} as const;

/** The buckets for the items of a stream. */
export const BUCKETS_ITEMS: readonly number[] = [0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

/** The buckets that the conventions recommend for durations, in seconds. */
export const BUCKETS_S: readonly number[] = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.075,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10,
];
