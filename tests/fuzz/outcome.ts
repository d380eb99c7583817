/** What an input brings about: all that is delivered, and how reading ends. */

import { RpcError } from "../../errors.ts";
import { connectThrough } from "../../net/http_connect.ts";
import { Handshake } from "../../connection/server_handshake.ts";
import { Services } from "../../connection/services.ts";
import type {
  ClientCodec,
  Limits,
  PendingReply,
  Protocol,
  ReplySink,
  RequestSink,
  ServerCodec,
} from "../../protocol/codec.ts";
import type { ItemStream } from "../../protocol/streams.ts";
import type { Receiver, Transport } from "../../transport.ts";
import { IN_FLIGHT, methodOf, SCHEMAS } from "./corpus.ts";
import { clientCodec, serverCodec, type Target } from "./targets.ts";
import { workSoFar } from "./work.ts";

/** One stream, as it is fed. */
export interface Input {
  readonly target: Target;
  readonly limits: Limits;
  readonly bytes: Uint8Array;
  /** Whether both ends know our extensions. Default `false`. */
  readonly isExtended?: boolean;
  /** How many bytes at the beginning are whole valid frames. */
  readonly intact: number;
  /** Where the chunks begin, in order, beside 0. Two that are equal make an empty chunk. */
  readonly cuts: readonly number[];
}

/** What came of an input. */
export interface Outcome {
  /** What was delivered, in order: what, the call's number, and values. */
  readonly events: unknown[][];
  /** What ended the reading; `undefined` if it was read to the end. */
  error?: unknown;
  /** What a part of ours has done that is never right. */
  wrong?: string;
  /** The work of the engine's own loops, in bytes. */
  work: number;
  /** How many bytes were answered, which is work as well. */
  answered?: number;
  /** What would be held while the connection stays open. */
  held?: unknown;
}

/** Feeds an input and tells what came of it. It never throws. */
export function outcomeOf(input: Input): Outcome | Promise<Outcome> {
  switch (input.target.side) {
    case "server":
      return served(input);
    case "client":
      return replied(input);
    case "opening":
      return opened(input);
    case "connect":
      return connected(input);
  }
}

function chunksOf({ bytes, cuts }: Input): Uint8Array[] {
  const bounds = [0, ...cuts.filter((at) => at < bytes.length), bytes.length];
  return bounds.slice(1).map((to, index) => bytes.slice(bounds[index], to));
}

/** Feeds the chunks; what is thrown ends the reading, as it ends a connection. */
function fed(outcome: Outcome, input: Input, receive: (chunk: Uint8Array) => void): void {
  const chunks = chunksOf(input);
  const before = workSoFar();
  try {
    for (const chunk of chunks) receive(chunk);
  } catch (error) {
    outcome.error = error;
  }
  outcome.work = workSoFar() - before;
}

function served({ target: { protocol }, ...input }: Input): Outcome {
  const codec = serverCodec(protocol, input.limits, input.isExtended);
  const outcome: Outcome = { events: [], work: 0, held: codec };
  const sink = new AnsweringSink(codec, outcome.events);
  const target = { protocol, side: "server" } as const;
  fed(outcome, { ...input, target }, (chunk) => codec.receive(chunk, sink));
  const answers = codec.take();
  outcome.answered = answers.length;
  outcome.wrong = wrongAnswers(protocol, answers, input.isExtended);
  if (outcome.error instanceof RpcError) codec.giveUp?.("given up", outcome.error.code);
  return outcome;
}

/** Answers each call at once, as a server whose handlers return. */
class AnsweringSink implements RequestSink {
  constructor(readonly codec: ServerCodec, readonly events: unknown[][]) {}

  schemaOf(serviceMethod: string) {
    return Object.hasOwn(SCHEMAS, serviceMethod) ? SCHEMAS[serviceMethod] : undefined;
  }

  call(seq: number, serviceMethod: string, args: unknown, extras: object): void {
    this.events.push(["call", seq, serviceMethod, args, extras]);
    const schema = this.schemaOf(serviceMethod)?.reply;
    const reply = serviceMethod === "S.Typed" ? { a: 1 } : args;
    try {
      this.codec.reply(seq, serviceMethod, reply, schema);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.refuse(seq, serviceMethod, error.code, error.message);
    }
  }

  refuse(seq: number, serviceMethod: string, code: RpcError["code"], message: string): void {
    this.events.push(["refuse", seq, serviceMethod, code]);
    this.codec.fail(seq, serviceMethod, { code, message, rejected: true });
  }

  cancel(seq: number, why?: string): void {
    this.events.push(["cancel", seq, why]);
  }

  stream(seq: number): ItemStream | undefined {
    return seq % 5 === 0 ? undefined : recorded(seq, this.events);
  }

  answered(): void {
    this.events.push(["answered"]);
  }
}

/** A stream that takes all that is said of it. */
function recorded(seq: number, events: unknown[][]): ItemStream {
  return {
    item: (value, bytes) => void events.push(["item", seq, value, bytes]),
    failItem: (code) => void events.push(["failItem", seq, code]),
    end: () => void events.push(["last item", seq]),
    credit: (items, bytes) => void events.push(["credit", seq, items, bytes]),
    unwanted: () => void events.push(["unwanted", seq]),
  };
}

const WIDE: Limits = { maxMessageBytes: 2 ** 26, maxDepth: 10_000 };

/** Whether what the server writes is a stream that a client reads. */
function wrongAnswers(
  protocol: Protocol,
  bytes: Uint8Array,
  isExtended: boolean | undefined,
): string | undefined {
  if (protocol === "netrpc/json") {
    for (const line of new TextDecoder().decode(bytes).split("\n").slice(0, -1)) {
      try {
        const { id, result, error } = JSON.parse(line);
        if (id !== undefined && (result !== undefined || error !== undefined)) continue;
      } catch {
        // Told below.
      }
      return `no reply: ${line}`;
    }
    return undefined;
  }
  const nothing = () => {};
  const any = { serviceMethod: "", resolve: nothing, fail: nothing, failDecode: nothing };
  try {
    clientCodec(protocol, WIDE, isExtended).receive(bytes, { take: () => any, drain: nothing });
  } catch (error) {
    // A header without a number is answered with none, which a client takes for the connection's end.
    if (error instanceof RpcError && /^the server refused the connection/.test(error.message)) {
      return undefined;
    }
    return `its own answers can't be read: ${error}`;
  }
}

function replied(input: Input): Outcome {
  const codec = clientCodec(input.target.protocol, input.limits, input.isExtended);
  const outcome: Outcome = { events: [], work: 0, held: codec };
  const calls = new CallsInFlight(outcome);
  fed(outcome, input, (chunk) => codec.receive(chunk, calls));
  if (outcome.error === undefined) endOf(codec, outcome);
  if (calls.unsettled > 0) outcome.wrong ??= "a call was taken and never settled";
  return outcome;
}

function endOf(codec: ClientCodec, outcome: Outcome): void {
  try {
    codec.end();
    outcome.events.push(["end"]);
  } catch (error) {
    outcome.error = error;
  }
}

/** The calls that wait for a reply: each may be taken once, and is then settled once. */
class CallsInFlight implements ReplySink {
  unsettled = 0;
  readonly #waiting = new Set(Array.from({ length: IN_FLIGHT }, (_, index) => index + 1));

  constructor(readonly outcome: Outcome) {}

  take(seq: number): PendingReply | undefined {
    if (!this.#waiting.delete(seq)) return undefined;
    this.unsettled++;
    let settled = false;
    const settle = (...event: unknown[]) => {
      if (settled) this.outcome.wrong ??= `call ${seq} was settled twice`;
      settled = true;
      this.unsettled--;
      this.outcome.events.push(event);
    };
    const serviceMethod = methodOf(seq);
    return {
      serviceMethod,
      schema: SCHEMAS[serviceMethod],
      resolve: (value) => settle("resolve", seq, value),
      fail: (code, message, execution) => settle("fail", seq, code, message, execution),
      failDecode: (code) => settle("failDecode", seq, code),
    };
  }

  stream(seq: number): ItemStream | undefined {
    // Calls with even numbers have streams.
    if (seq % 2 > 0 || !this.#waiting.has(seq)) return undefined;
    const stream = recorded(seq, this.outcome.events);
    const end = () => {
      this.#waiting.delete(seq);
      stream.end();
    };
    return { ...stream, end };
  }

  drain(): void {
    this.outcome.events.push(["drain"]);
  }
}

/** The most that the beginning of a connection may make us hold: HTTP's head, then the option. */
const MOST_HELD_BYTES = 8192 + 4096;

/** What the debug pages of the one that is tried list. */
const services = new Services();
services.add("S", { Plain: (args: unknown) => args });

async function opened(input: Input): Promise<Outcome> {
  const { target, limits, bytes } = input;
  const outcome: Outcome = { events: [], work: 0 };
  const decoder = new TextDecoder("latin1");
  const handshake = new Handshake(
    target.protocol,
    { limits, services, connectPaths: {} },
    (written) => {
      outcome.events.push(["wrote", decoder.decode(written)]);
    },
  );
  outcome.held = handshake;
  let read = 0;
  const before = workSoFar();
  try {
    for (const chunk of chunksOf(input)) {
      read += chunk.length;
      const opening = handshake.push(chunk);
      outcome.work = workSoFar() - before;
      if (opening !== undefined) {
        const { codec, handleTimeoutMs, rest } = await opening;
        outcome.events.push([
          "opened",
          codec.constructor.name,
          handleTimeoutMs,
          rest.length +
          bytes.length - read,
        ]);
        return outcome;
      }
      if (read >= MOST_HELD_BYTES) outcome.wrong ??= `it still waits after ${read} bytes`;
    }
  } catch (error) {
    outcome.error = error;
  }
  return outcome;
}

async function connected(input: Input): Promise<Outcome> {
  const outcome: Outcome = { events: [], work: 0 };
  let receiver!: Receiver;
  const transport: Transport = {
    remote: "memory@fuzz",
    start: (started) => void (receiver = started),
    write: () => Promise.resolve(),
    close: () => outcome.events.push(["closed"]),
  };
  const connecting = connectThrough(transport, "/_goRPC_", new AbortController().signal);
  fed(outcome, input, (chunk) => void receiver.data(chunk));
  receiver.end(undefined);
  try {
    const inner = await connecting;
    let length = 0;
    inner.start({ data: (chunk) => void (length += chunk.length), end: () => {} });
    outcome.events.push(["connected", length]);
  } catch (error) {
    outcome.error ??= error;
  }
  return outcome;
}
