/**
 * The types of what the programs here use of their packages. Only `bench:peers`
 * installs the packages; with these declarations the programs are checked
 * without them.
 */

declare module "@grpc/proto-loader" {
  /** Messages and services by their full names. */
  export type Definition = Record<string, { readonly fileDescriptorProtos: Uint8Array[] }>;
  export function loadSync(file: string): Definition;
}

declare module "@grpc/grpc-js" {
  export type Done<R> = (error: Error | null, reply: R) => void;
  export type Method<Q, R> = (request: Q, done: Done<R>) => void;
  /** A stream at the client. */
  export type Streaming<Q, R> = (
    request: Q,
  ) => AsyncIterable<R> & {
    cancel(): void;
    on(event: "error", listener: () => void): void;
  };
  /** A stream at the server. */
  export interface ServerStream<R> {
    readonly cancelled: boolean;
    write(message: R): boolean;
    on(event: "drain" | "cancelled", listener: () => void): void;
  }
  export type Handler<Q, R> = (call: { request: Q }, done: Done<R>) => void;
  export interface ClientClass<C> {
    new (address: string, credentials: object): C;
    readonly service: object;
  }
  export const credentials: { createInsecure(): object };
  export const ServerCredentials: { createInsecure(): object };
  export function loadPackageDefinition<P>(
    definition: import("@grpc/proto-loader").Definition,
  ): P;
  export class Server {
    addService(
      service: object,
      handlers: Record<
        string,
        Handler<never, unknown> | ((stream: ServerStream<never>) => unknown)
      >,
    ): void;
    bindAsync(address: string, credentials: object, done: Done<number>): void;
  }
}

declare module "@bufbuild/protobuf" {
  export interface Registry {
    getService(name: string): object | undefined;
  }
  export function fromBinary(schema: object, bytes: Uint8Array): object;
  export function createFileRegistry(file: object, resolve: () => undefined): Registry;
}

declare module "@bufbuild/protobuf/wkt" {
  export const FileDescriptorProtoSchema: object;
}

declare module "@connectrpc/connect" {
  export type Message = Record<string, unknown>;
  export interface ConnectRouter {
    service(
      service: object,
      handlers: Record<string, (request: never) => Message | AsyncIterable<Message>>,
    ): void;
  }
  export function createClient(
    service: object,
    transport: object,
  ): Record<string, (request: Message) => Promise<Message> & AsyncIterable<Message>>;
}

declare module "@connectrpc/connect-node" {
  export function connectNodeAdapter(options: {
    acceptCompression: [];
    routes(router: import("@connectrpc/connect").ConnectRouter): void;
  }): () => void;
  export function createConnectTransport(options: {
    httpVersion: "2";
    baseUrl: string;
    acceptCompression: [];
  }): object;
}

declare module "moleculer" {
  export class ServiceBroker {
    constructor(options: object);
    readonly transit: { readonly tx: { readonly opts: { readonly port: number } } };
    createService(service: {
      name: string;
      actions: Record<string, (context: { params: never }) => unknown>;
    }): void;
    start(): Promise<void>;
    waitForServices(name: string): Promise<void>;
    call(action: string, params: object): Promise<unknown>;
  }
}

declare module "ws" {
  export class WebSocket {
    constructor(url: string);
    once(event: "open", listener: () => void): void;
  }
  export class WebSocketServer {
    constructor(options: { host: string; port: number });
    address(): { port: number };
    on(event: "connection", listener: (socket: WebSocket) => void): void;
    once(event: "listening", listener: () => void): void;
  }
}

declare module "capnweb" {
  export class RpcTarget {}
  export function newWebSocketRpcSession<T>(socket: object, target?: RpcTarget): T;
}

declare module "@trpc/server" {
  export interface Procedure {
    input(schema: (value: unknown) => unknown): Procedure;
    query(resolve: (options: { input: never }) => unknown): object;
    subscription(resolve: (options: { signal: AbortSignal }) => AsyncIterable<unknown>): object;
  }
  export const initTRPC: {
    create(): { procedure: Procedure; router(procedures: Record<string, object>): object };
  };
}

declare module "@trpc/server/adapters/ws" {
  export function applyWSSHandler(options: { wss: object; router: object }): void;
}

declare module "@trpc/client" {
  export interface Procedures {
    readonly sum: { query(input: { a: number; b: number }): Promise<unknown> };
    readonly echo: { query(input: string): Promise<unknown> };
    readonly items: {
      subscribe(input: undefined, observer: {
        onData(item: unknown): void;
        onError(error: unknown): void;
      }): { unsubscribe(): void };
    };
  }
  export function createTRPCClient(options: { links: object[] }): Procedures;
  export function createWSClient(options: { url: string; WebSocket: unknown }): object;
  export function wsLink(options: { client: object }): object;
}

declare module "redis" {
  export interface Client {
    connect(): Promise<unknown>;
    ping(): Promise<string>;
    echo(text: string): Promise<string>;
    on(event: "error", listener: (error: Error) => void): void;
  }
  export function createClient(options: { url: string }): Client;
}
