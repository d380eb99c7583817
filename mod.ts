/**
 * XClient: one RPC client for a whole fleet of servers, for Deno and Node.
 *
 * @module
 */

export { parseAddress, type ParsedAddress, type Scheme } from "./address.ts";
export {
  type CallDefaults,
  Client,
  type ClientOptions,
  type CloseOptions,
  dial,
  type DialOptions,
  type LivenessOptions,
  type MethodDefaults,
  type StreamIterator,
  type StreamOptions,
} from "./client.ts";
export type { Clock, Timer } from "./clock.ts";
export type { Protocol } from "./protocol/codec.ts";
export {
  type Discovery,
  MultiServerDiscovery,
  type MultiServerDiscoveryOptions,
} from "./discovery.ts";
export {
  type Attempt,
  type ErrorDetails,
  type Execution,
  type RpcCode,
  RpcError,
  TimeoutError,
} from "./errors.ts";
export type {
  ClientAttempt,
  ClientCall,
  ClientInterceptor,
  ClientInterceptors,
  Next,
  ServerCall,
  ServerInterceptor,
  ServerInterceptors,
} from "./connection/interceptor.ts";
export {
  createSelector,
  type EndpointView,
  type PickContext,
  type Random,
  SelectMode,
  type Selector,
  type SelectorOptions,
} from "./selector.ts";
export {
  type AdaptiveLimitOptions,
  type CallContext,
  type FailedCall,
  type InheritOptions,
  type IntrospectionMode,
  type Listener,
  type RegisterOptions,
  type RejectOptions,
  type ServeOptions,
  Server,
  type ServerCloseOptions,
  type ServerEvent,
  type ServerFigures,
  type ServerOptions,
  type ServiceStatus,
} from "./server.ts";
export {
  type AcceptedBy,
  type CheckedMethod,
  type MadeBy,
  method,
  type MethodOptions,
  type StandardSchemaV1,
} from "./connection/method.ts";
export { type Caller, introspect, type Introspector } from "./connection/introspection/view.ts";
export type {
  MethodDescription,
  ServerDescription,
  ServiceDescription,
} from "./connection/introspection/reports.ts";
export type { MethodLatency } from "./connection/latencies.ts";
export type { KeptFigures } from "./connection/kept_answers/store.ts";
export type { RefusedFigures, StreamFigures } from "./connection/server_load.ts";
export type {
  AnySchema,
  CallsOf,
  HandlersOf,
  InputOf,
  MethodSchema,
  OutputOf,
  Schema,
  ServiceSchema,
} from "./internal/schema.ts";
export type { CheckOptions, Contract, EndpointCheck, SchemaDifference } from "./fleet/check.ts";
export type { FanOutOptions, Receipt } from "./fleet/fan_out.ts";
export type { FleetCallOptions } from "./fleet/call_options.ts";
export type {
  FleetStreamOptions,
  ServerItem,
  StreamAllItem,
  StreamAllOptions,
} from "./fleet/streams/options.ts";
export type { HealthOptions, HealthState } from "./fleet/health.ts";
export type { EndpointEvent } from "./fleet/events.ts";
export {
  authorize,
  type AuthorizeOptions,
  type Authorizer,
  type Identify,
  type MaybePromise,
} from "./identity/authorizer.ts";
export { type Credentials, credentials, type CredentialsOptions } from "./identity/credentials.ts";
export type { Rule, Rules } from "./identity/rules.ts";
export { FailMode } from "./fleet/fail_mode.ts";
export type { RetryBudgetOptions } from "./fleet/retry_budget.ts";
export type { ServerSource } from "./fleet/server_source.ts";
export type { ReadyOptions } from "./fleet/until_ready.ts";
export type {
  CallOptions,
  GivenArgs,
  IsStream,
  Service,
  ViewResult,
  WithReply,
} from "./internal/service.ts";
export type {
  ConnectOptions,
  ListenOptions,
  Network,
  PeerCertificate,
  Receiver,
  TlsOptions,
  TlsSource,
  Transport,
  TransportListener,
} from "./transport.ts";
export { XClient } from "./xclient.ts";
export type { EndpointSnapshot, XClientEvent, XClientOptions } from "./fleet/options.ts";
