/** Answers the hooks in the copy of Go's encoding/gob: decodes what it sends, and encodes it again. */

import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { RpcError } from "../../errors.ts";
import { type AnyGobSchema, gob, GobDecoder, GobEncoder, type GobSchema } from "../../gob.ts";

/** The shape of a type as Go tells it. */
interface Shape {
  readonly kind: string;
  readonly name?: string;
  readonly bits?: number;
  readonly length?: number;
  readonly element?: Shape;
  readonly key?: Shape;
  readonly fields?: readonly (readonly [name: string, shape: Shape])[];
  readonly registry?: Readonly<Record<string, Shape>>;
}

interface Question {
  readonly kind: "value" | "verdict" | "stream" | "broken stream";
  readonly test: string;
  readonly type?: string;
  readonly schema?: Shape;
  readonly types?: Readonly<Record<string, Shape>>;
  readonly bytes: string | null;
  readonly stream?: number;
  readonly fault?: string;
}

/** Something that our gob does not do as Go's. */
export interface Difference {
  /** The test of Go's that shows it. */
  readonly test: string;
  readonly what: string;
}

const LIMITS = { maxMessageBytes: 2 ** 30, maxDepth: 10_000, time: "instant" } as const;

/** What the hooks ask, on a port of its own. */
export class GobOracle {
  readonly differences: Difference[] = [];
  readonly types = new Set<string>();
  values = 0;
  streamed = 0;
  readonly #streams = new Map<number, GobDecoder>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      let rest = "";
      socket.setEncoding("utf-8").on("data", (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) {
          socket.write(`${JSON.stringify(this.#answer(JSON.parse(line)))}\n`);
        }
      });
      socket.on("error", () => {});
    });
  }

  /** Starts one. */
  static async start(): Promise<GobOracle> {
    const oracle = new GobOracle();
    await new Promise<void>((resolve) => oracle.#server.listen(0, "127.0.0.1", resolve));
    return oracle;
  }

  /** Where it answers, as `host:port`. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many streams there were. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Ends it. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(question: Question): { bytes?: string; error?: string } {
    const bytes = Buffer.from(question.bytes ?? "", "base64");
    try {
      switch (question.kind) {
        case "value":
          return { bytes: this.#backAndForth(question, bytes) };
        case "verdict":
          if (question.fault) this.#differs(question, bytes, question.fault);
          return {};
        default:
          this.#read(question, bytes);
          return {};
      }
    } catch (error) {
      this.#differs(question, bytes, error instanceof RpcError ? error.message : `${error}`);
      return { error: String(error) };
    }
  }

  #backAndForth({ schema, types, type }: Question, bytes: Uint8Array): string {
    const known = new Schemas(types!).of(schema!);
    this.values++;
    this.types.add(type!);
    const decoder = new GobDecoder(LIMITS);
    decoder.push(bytes);
    const read = decoder.next(known);
    if (read === undefined || decoder.buffered > 0) throw new Error("its end is not found");
    const again = new GobEncoder(LIMITS).encode(read.value, known);
    return Buffer.from(again).toString("base64");
  }

  /** Reads on in a stream without any schema: Go has read one value, or refused it. */
  #read(question: Question, bytes: Uint8Array): void {
    const { stream, kind } = question;
    let decoder = this.#streams.get(stream!);
    if (decoder === undefined) this.#streams.set(stream!, decoder = new GobDecoder(LIMITS));
    this.streamed++;
    try {
      decoder.push(bytes);
      const read = decoder.next();
      if (kind === "broken stream") return; // Go may have refused what did not fit its variable
      if (read === undefined || decoder.buffered > 0) throw new Error("a value's end is not found");
    } catch (error) {
      if (kind === "broken stream" && error instanceof RpcError) return;
      throw error;
    }
  }

  #differs({ test, kind, type }: Question, bytes: Uint8Array, what: string): void {
    const shown = Buffer.from(bytes.subarray(0, 60)).toString("hex");
    this.differences.push({ test, what: `${kind} ${type ?? ""} (${shown}): ${what}` });
  }
}

/** Makes schemas of the shapes of one question. */
class Schemas {
  readonly #made = new Map<string, AnyGobSchema>();

  constructor(readonly types: Readonly<Record<string, Shape>>) {}

  of(shape: Shape): GobSchema<unknown> {
    return this.#make(shape) as GobSchema<unknown>;
  }

  #named(name: string): AnyGobSchema {
    let made = this.#made.get(name);
    if (made === undefined) {
      const target = gob.lazy(() => this.#made.get(name) as GobSchema<unknown>);
      this.#made.set(name, target);
      made = this.#make(this.types[name]);
      this.#made.set(name, made);
    }
    return made;
  }

  #make(shape: Shape): AnyGobSchema {
    const { kind, name = "", element, key, bits } = shape;
    const none = () => new Uint8Array(0);
    const same = (raw: Uint8Array) => raw;
    switch (kind) {
      case "named":
        return this.#named(name);
      case "int":
        return { 8: gob.int8, 16: gob.int16, 32: gob.int32, 64: gob.int }[bits!] as AnyGobSchema;
      case "uint":
        return {
          8: gob.uint8,
          16: gob.uint16,
          32: gob.uint32,
          64: gob.uint,
        }[bits!] as AnyGobSchema;
      case "slice":
        // Pointers to bytes: a slice of uint on the wire, which gob.slice(gob.uint8) is not.
        if (element!.bits === 8 && element!.kind === "uint") return gob.slice(gob.uint16);
        return gob.slice(this.of(element!));
      case "array":
        return gob.array(shape.length!, this.of(element!));
      case "map":
        return gob.map(this.of(key!), this.of(element!));
      case "optional":
        return gob.optional(this.of(element!));
      case "struct":
        return gob.struct(
          Object.fromEntries(shape.fields!.map(([field, of]) => [field, this.of(of)])),
          { name },
        );
      case "gobEncoder":
        return gob.gobEncoder({ name, encode: same, decode: same, zero: none });
      case "binaryMarshaler":
        return gob.binaryMarshaler({ name, encode: same, decode: same, zero: none });
      case "textMarshaler":
        return gob.textMarshaler({ name, encode: String, decode: String, zero: () => "" });
      case "interface":
        return gob.interface(
          Object.fromEntries(
            Object.entries(shape.registry!).map(([each, of]) => [each, this.of(of)]),
          ),
          { as: "named" },
        );
      default:
        return gob[kind as "bool" | "string" | "bytes" | "float" | "float32" | "complex"];
    }
  }
}
