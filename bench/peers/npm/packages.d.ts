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
    addService(service: object, handlers: Record<string, Handler<never, unknown>>): void;
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
    service(service: object, handlers: Record<string, (request: never) => Message>): void;
  }
  export function createClient(
    service: object,
    transport: object,
  ): Record<string, (request: Message) => Promise<Message>>;
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
