/**
 * What spans and metrics say of an address and of an error.
 *
 * @module
 */

import { type Attributes, diag, type Span, SpanStatusCode } from "@opentelemetry/api";
import { parseAddress } from "../address.ts";
import { RpcError } from "../errors.ts";
import { ATTRIBUTE, SYSTEM } from "./names.ts";

/** An address in its parts. */
export interface Place {
  /** `server.address` and `server.port`. */
  readonly server: Attributes;
  /** `network.peer.address` and `network.peer.port`; empty where only a name is known. */
  readonly peer: Attributes;
}

const NOWHERE: Place = { server: {}, peer: {} };
const IP = /^\d+(?:\.\d+){3}$|:/;
/** How many addresses are remembered. */
const MAX_PLACES = 1000;

/** Takes addresses apart, and remembers them: an endpoint's comes with each call. */
export class Places {
  readonly #known = new Map<string, Place>();

  /**
   * Takes an address apart.
   *
   * @param address An endpoint's or a client's address.
   * @returns Its parts; none if it is no address.
   */
  of(address: string): Place {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_PLACES) this.#known.clear(); // clients come from ever new ports
    const place = parsePlace(address);
    this.#known.set(address, place);
    return place;
  }
}

function parsePlace(address: string): Place {
  try {
    const { hostname, port, path, scheme } = parseAddress(address);
    if (hostname === "") {
      const server = { [ATTRIBUTE.serverAddress]: path };
      return { server, peer: scheme === "unix" ? { [ATTRIBUTE.peerAddress]: path } : {} };
    }
    const peer = { [ATTRIBUTE.peerAddress]: hostname, [ATTRIBUTE.peerPort]: port };
    return {
      server: { [ATTRIBUTE.serverAddress]: hostname, [ATTRIBUTE.serverPort]: port },
      peer: IP.test(hostname) ? peer : {},
    };
  } catch {
    return NOWHERE;
  }
}

/**
 * The attributes that all metrics and spans of a method have.
 *
 * @param serviceMethod `Service.Method`.
 * @param extra What the program adds.
 */
export function methodAttributes(serviceMethod: string, extra?: Attributes): Attributes {
  return { [ATTRIBUTE.system]: SYSTEM, [ATTRIBUTE.method]: serviceMethod, ...extra };
}

/**
 * What is told of an error.
 *
 * @param error What was thrown.
 * @returns The class of the error, and its code if it has one.
 */
export function errorAttributes(error: unknown): Attributes {
  if (error instanceof RpcError) {
    return { [ATTRIBUTE.errorType]: error.code, [ATTRIBUTE.status]: error.code };
  }
  return { [ATTRIBUTE.errorType]: error instanceof Error ? error.name : "_OTHER" };
}

/**
 * Ends a span with an error.
 *
 * @param span The span.
 * @param error What was thrown.
 * @param attributes What is told of it.
 */
export function failSpan(span: Span, error: unknown, attributes: Attributes): void {
  if (span.isRecording()) {
    span.setAttributes(attributes);
    if (error instanceof RpcError) span.setAttribute(ATTRIBUTE.execution, error.execution);
    const message = error instanceof Error ? error.message : undefined;
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  span.end();
}

/**
 * Calls a function that the program has given; if it throws, the call goes on
 * without its answer.
 *
 * @param name The option.
 * @param ask Calls it.
 * @param otherwise What to go on with.
 */
export function guarded<T>(name: string, ask: () => T, otherwise: T): T {
  try {
    return ask();
  } catch (error) {
    diag.error(`telemetry: the option ${name} threw`, error);
    return otherwise;
  }
}
