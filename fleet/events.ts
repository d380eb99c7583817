/**
 * What happens to an endpoint, by name.
 *
 * @module
 */

/**
 * What happens to an endpoint, as `XClientOptions.onEvent` gets it:
 *
 * - `joined`, `left`: it is listed, or listed no more.
 * - `connected`, `disconnected`: it has a connection, or has lost it.
 * - `unreachable`: a dial failed.
 * - `stalled`, `resumed`: it was asked for a sign of life and gave none, or gives one again.
 * - `ejected`, `restored`: it gets no calls because its own have failed, or does again.
 */
export type EndpointEvent =
  | "joined"
  | "left"
  | "connected"
  | "disconnected"
  | "unreachable"
  | "stalled"
  | "resumed"
  | "ejected"
  | "restored";

/** Those that happen to its connection. */
export type ConnectorEvent = Exclude<EndpointEvent, "joined" | "left" | "ejected" | "restored">;
