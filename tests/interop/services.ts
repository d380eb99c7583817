/** The services of the Go programs, in TypeScript. */

import { gob, type Infer } from "../../gob.ts";

const args = gob.struct({ A: gob.safeInt, B: gob.safeInt }, { name: "Args" });
const inner = gob.struct({ Name: gob.string, N: gob.safeInt }, { name: "Inner" });

/** A struct with a field of most kinds. */
export const everything = gob.struct({
  Bool: gob.bool,
  I: gob.int,
  I8: gob.int8,
  I64: gob.int64,
  U: gob.uint,
  U8: gob.uint8,
  U64: gob.uint64,
  F32: gob.float32,
  F64: gob.float,
  C: gob.complex,
  S: gob.string,
  Bytes: gob.bytes,
  Ints: gob.slice(gob.int),
  Array: gob.array(3, gob.uint16),
  Map: gob.map(gob.string, gob.float),
  ByInt: gob.map(gob.int, inner),
  Inner: inner,
  Pointer: gob.optional(inner),
  List: gob.slice(inner),
  At: gob.time,
  Big: gob.bigInt,
}, { name: "All" });

export const arithSchema = gob.service({
  Sum: { args, reply: gob.safeInt },
  Divide: { args, reply: gob.float },
  Slow: { args: gob.safeInt, reply: gob.safeInt },
  Void: { args },
});
export const typesSchema = gob.service({ Echo: { args: everything, reply: everything } });

/** The same service as Go's `Arith`. */
export const arith = {
  Sum: ({ A, B }: Infer<typeof args>): number => A + B,
  Divide({ A, B }: Infer<typeof args>): number {
    if (B === 0) throw new Error("divide by zero");
    return A / B;
  },
  Slow: (ms: number): Promise<number> =>
    new Promise((resolve) => setTimeout(() => resolve(ms), ms)),
  Void(): void {},
};

/** A value for every field. */
export const sample: Infer<typeof everything> = {
  Bool: true,
  I: -7,
  I8: -128,
  I64: -(2n ** 63n),
  U: 7,
  U8: 255,
  U64: 2n ** 64n - 1n,
  F32: 1.5,
  F64: 4,
  C: { real: 1, imaginary: -2 },
  S: "text ☃",
  Bytes: new Uint8Array([0, 255]),
  Ints: [1, 0, -1],
  Array: [1, 0, 65535],
  Map: new Map([["one", 1]]),
  ByInt: new Map([[-1, { Name: "x", N: 2 }]]),
  Inner: { Name: "inner", N: 3 },
  Pointer: { Name: "pointed at", N: 0 },
  List: [{ Name: "a", N: 1 }, { Name: "", N: 0 }],
  At: new Date("2024-02-29T12:30:00.125Z"),
  Big: -123456789012345678901234567890n,
};
