import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import process from "node:process";
import { RpcError } from "../../errors.ts";
import {
  decode,
  encode,
  gob,
  type GobComplex,
  GobDecoder,
  GobEncoder,
  type GobInstant,
  GobNamed,
  type GobSchema,
  GobWriter,
  type Infer,
} from "../../gob.ts";
import { GobInference } from "../../gob/inference.ts";

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(
    text.trim().split(/\s+/),
    (digits) => parseInt(digits, 16),
  );
}

/** Asserts that it throws an RpcError of this code, whose message has this text. */
function refuses(code: string, text: string, run: () => unknown): void {
  const error = assertThrows(run, RpcError, text);
  assertEquals(error.code, code);
}

const point = gob.struct({ X: gob.safeInt, Y: gob.safeInt }, { name: "Point" });

// What Go 1.26 sends for Point{22, 33}.
const POINT_BYTES = bytesOf(`
  1f ff 81 03 01 01 05 50 6f 69 6e 74 01 ff 82 00 01 02 01 01 58 01 04 00 01 01 59 01 04 00 00 00
  07 ff 82 01 2c 01 42 00`);

Deno.test("a struct is sent byte for byte as Go sends it", () => {
  const encoder = new GobEncoder();
  assertEquals(hex(encoder.encode({ X: 22, Y: 33 }, point)), hex(POINT_BYTES));
  assertEquals(
    hex(encoder.encode({ X: 22, Y: 33 }, point)),
    "07 ff 82 01 2c 01 42 00",
  );
  assertEquals(
    hex(encoder.encode({ X: 0, Y: 33 }, point)),
    "05 ff 82 02 42 00",
  );
});

Deno.test("single values are sent as Go sends them", () => {
  const cases: [unknown, string][] = [
    [3, "03 04 00 06"],
    [-129, "05 04 00 fe 01 01"],
    [17.5, "06 08 00 fd 80 31 40"],
    [-2.5, "05 08 00 fe 04 c0"],
    [true, "03 02 00 01"],
    ["hi", "05 0c 00 02 68 69"],
    [new Uint8Array([1, 255]), "05 0a 00 02 01 ff"],
    [2n ** 64n - 1n, "0b 06 00 f8 ff ff ff ff ff ff ff ff"],
    [-(2n ** 63n), "0b 04 00 f8 ff ff ff ff ff ff ff ff"],
  ];
  for (const [value, expected] of cases) {
    assertEquals(hex(encode(value)), expected);
    assertEquals(decode(bytesOf(expected)), value);
  }
  assertEquals(hex(encode(0, gob.int)), "03 04 00 00");
  assertEquals(hex(encode("", gob.string)), "03 0c 00 00");
});

Deno.test("integers of every size come back as they went", () => {
  for (let bit = 0n; bit < 64n; bit++) {
    for (const near of [-1n, 0n, 1n]) {
      const big = 2n ** bit + near;
      const safe = big <= BigInt(Number.MAX_SAFE_INTEGER);
      const expected = safe ? Number(big) : big;
      assertEquals(decode(encode(big, gob.uint64), gob.uint64), expected);
      if (safe) {
        assertEquals(decode(encode(Number(big), gob.uint), gob.uint), expected);
      }
      if (big < 2n ** 63n) {
        assertEquals(decode(encode(big, gob.int64), gob.int64), expected);
        const negative = big === 0n ? 0 : safe ? -Number(big) : -big;
        assertEquals(decode(encode(-big, gob.int64), gob.int64), negative);
        if (safe) {
          assertEquals(decode(encode(negative, gob.int), gob.int), negative);
        }
      }
    }
  }
});

Deno.test("integers out of range are refused, both ways", () => {
  const cases: [GobSchema<unknown, number | bigint>, number | bigint][] = [
    [gob.int8, 128],
    [gob.int8, -129],
    [gob.uint8, 256],
    [gob.uint8, -1],
    [gob.int16, 32768],
    [gob.uint16, 65536],
    [gob.int32, 2 ** 31],
    [gob.uint32, 2 ** 32],
    [gob.int, 2n ** 63n],
    [gob.uint, 2n ** 64n],
    [gob.uint, -1n],
    [gob.int, 1.5],
    [gob.int, NaN],
    [gob.int, 2 ** 53],
  ];
  for (const [schema, value] of cases) {
    refuses("invalid_argument", String(value), () => encode(value, schema));
  }
  refuses(
    "invalid_argument",
    "300",
    () => decode(encode(300, gob.uint), gob.uint8),
  );
  refuses("invalid_argument", "9007199254740993", () => {
    decode(encode(2n ** 53n + 1n), gob.safeInt);
  });
});

Deno.test("floats keep every bit that Go keeps", () => {
  for (
    const value of [
      0,
      -0,
      NaN,
      Infinity,
      -Infinity,
      5e-324,
      Number.MAX_VALUE,
      0.1,
      -17,
    ]
  ) {
    assert(Object.is(decode(encode(value, gob.float), gob.float), value));
    assert(
      Object.is(
        decode(encode([value], gob.slice(gob.float)), gob.slice(gob.float))[0],
        value,
      ),
    );
  }
  assertEquals(decode(encode(0.1, gob.float32), gob.float32), Math.fround(0.1));
  refuses("invalid_argument", "1e+39", () => encode(1e39, gob.float32));
  refuses(
    "invalid_argument",
    "1e+39",
    () => decode(encode(1e39, gob.float), gob.float32),
  );
  const complex: GobComplex = { real: 1.5, imaginary: -2 };
  assertEquals(decode(encode(complex, gob.complex)), complex);
});

Deno.test("strings are UTF-8, a byte order mark and all", () => {
  const texts = [
    "",
    "a",
    "é€😀",
    "\ufeffmark",
    "x".repeat(47),
    "x".repeat(48),
    "é".repeat(70_000),
  ];
  for (const text of texts) assertEquals(decode(encode(text)), text);
  assertEquals(decode(encode("\ud800")), "\ufffd");
  assertEquals(decode(bytesOf("05 0c 00 02 ff 41")), "\ufffdA");
  assertEquals(
    decode(bytesOf("05 0a 00 02 ff 41")),
    new Uint8Array([0xff, 0x41]),
  );
});

Deno.test("zero fields are left out and filled in again", () => {
  const schema = gob.struct({
    Bool: gob.bool,
    Int: gob.int,
    Float: gob.float,
    Complex: gob.complex,
    Text: gob.string,
    Bytes: gob.bytes,
    List: gob.slice(gob.int),
    Array: gob.array(2, gob.int),
    Map: gob.map(gob.string, gob.int),
    Object: gob.map(gob.string, gob.int, { as: "object" }),
    Point: point,
    Pointer: gob.optional(point),
    Time: gob.time,
    Any: gob.any,
    Big: gob.bigInt,
  });
  const zero: Infer<typeof schema> = {
    Bool: false,
    Int: 0,
    Float: 0,
    Complex: { real: 0, imaginary: 0 },
    Text: "",
    Bytes: new Uint8Array(0),
    List: [],
    Array: [0, 0],
    Map: new Map(),
    Object: {},
    Point: { X: 0, Y: 0 },
    Pointer: null,
    Time: new Date("0001-01-01T00:00:00Z"),
    Any: null,
    Big: 0n,
  };
  // An empty struct on the wire, and one that says as much as it can.
  assertEquals(decode(encode({}, gob.struct({})), schema), zero);
  assertEquals(decode(encode(zero, schema), schema), zero);
  const nothing = encode({} as typeof zero, schema);
  assertEquals(decode(nothing, schema), zero);
  assertEquals(hex(nothing.subarray(-4)), "03 ff 82 00");
  const plain = decode(nothing) as Record<string, unknown>;
  assertEquals(plain.Point, null);
  assertEquals(plain.Map, new Map());
  assertEquals(plain.Text, "");
  assertEquals(plain.Time, zero.Time);
});

Deno.test("recursive types end", () => {
  interface Node {
    Value: number;
    Next: Node | null;
  }
  const node: GobSchema<Node> = gob.struct({
    Value: gob.safeInt,
    Next: gob.optional(gob.lazy(() => node)),
  });
  const list = { Value: 1, Next: { Value: 2, Next: null } };
  assertEquals(decode(encode(list, node), node), list);
  assertEquals(decode(encode(list, node)), list);
  // Go has no such type; the zero of it must still end.
  const endless: GobSchema<unknown> = gob.struct({
    Inner: gob.lazy(() => endless),
  }) as never;
  assertEquals(decode(encode({}, gob.struct({})), endless), { Inner: null });
});

Deno.test("fields that were added, removed and moved between versions", () => {
  const older = gob.struct({
    A: gob.safeInt,
    Gone: gob.slice(point),
    B: gob.string,
  });
  const newer = gob.struct({
    New: gob.optional(point),
    B: gob.string,
    A: gob.safeInt,
  });
  const sent = encode({ A: 1, Gone: [{ X: 1, Y: 2 }], B: "b" }, older);
  assertEquals(decode(sent, newer), { B: "b", A: 1, New: null });
  const back = encode({ New: { X: 1, Y: 0 }, B: "b", A: 1 }, newer);
  assertEquals(decode(back, older), { A: 1, Gone: [], B: "b" });
  refuses("invalid_argument", "no field", () => decode(sent, point));
});

Deno.test("types are guessed where there is no schema", () => {
  const value = {
    Int: 7,
    Float: 1.5,
    Big: 2n ** 63n,
    Text: "x",
    Flag: true,
    Bytes: new Uint8Array([1]),
    List: [1, 2.5],
    Nested: [[], [1]],
    Structs: [{ A: 1 }, { A: 2, B: "x" }],
    Map: new Map([[1, { A: 1 }]]),
    At: new Date(86_400_000),
  };
  const plain = decode(encode(value)) as typeof value;
  assertEquals(plain, {
    ...value,
    Structs: [{ A: 1, B: "" }, { A: 2, B: "x" }],
  });
  assertEquals(
    decode(encode({ A: 1, B: null, C: undefined, D: [], E: new Map() })),
    { A: 1 },
  );
  const encoder = new GobEncoder();
  const first = encoder.encode({ A: 1, B: "x" });
  assert(
    encoder.encode({ A: 2, B: "" }).length < first.length / 3,
    "one definition for one shape",
  );
});

/** An object with fields that no other has. */
function dictionary(name: string | number, size: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: size }, (_, index) => [`${name}_${index}`, 1]));
}

Deno.test("a guessed struct takes the memory of its fields, not of their square", () => {
  const encoder = new GobEncoder();
  const before = process.memoryUsage().heapUsed;
  for (let name = 0; name < 8; name++) encoder.encode(dictionary(name, 4000));
  assert(process.memoryUsage().heapUsed - before < 200e6);
});

Deno.test("shapes that were guessed are forgotten in time, and their definitions are not", () => {
  const inference = new GobInference(100);
  const schema = inference.schemaOf({ A: 1 });
  for (let name = 0; name < 10; name++) inference.schemaOf(dictionary(name, 1000));
  assertStrictEquals(inference.schemaOf({ A: 1 }), schema);
  for (let name = 0; name < 50; name++) inference.schemaOf(dictionary(name, 1000));
  assertNotStrictEquals(inference.schemaOf({ A: 1 }), schema);

  const encoder = new GobEncoder();
  assertEquals(encoder.encode({ A: 1 }).length, 25);
  for (let name = 0; name < 60; name++) encoder.encode(dictionary(name, 1000));
  assertEquals(encoder.encode({ A: 1 }).length, 6);
});

Deno.test("objects that are all different cost no more than what they have", () => {
  const list = Array.from({ length: 400 }, (_, index) => ({ [`K${index}`]: "x".repeat(50) }));
  const inference = new GobInference(100);
  const schema = inference.schemaOf(list);
  // Were each union of the first n kept, all would have been forgotten.
  assertStrictEquals(inference.schemaOf([...list, ...list]), schema);

  let reads = 0;
  const get = (target: object, name: string) => (reads++, Reflect.get(target, name));
  const bytes = encode(list.map((item) => new Proxy(item, { get })));
  assert(reads < 3 * list.length);
  const back = decode(bytes) as Record<string, string>[];
  assertEquals(back.length, 400);
  for (const [index, item] of back.entries()) {
    const found = Object.entries(item).filter(([, text]) => text !== "");
    assertEquals(found, Object.entries(list[index]));
  }

  class Getters {
    get F7() {
      return 7;
    }
  }
  for (
    const value of [{ F299: 2, More: 3, F7: 7, F8: 0 }, new Getters()] as Record<string, number>[]
  ) {
    const back = decode(encode(value, wide(300)), wide(300));
    assertEquals([back.F7, back.F8, back.F299], [7, 0, value.F299 ?? 0]);
  }
});

Deno.test("elements of several types become one, or the first that can't is named", () => {
  const pairs: [unknown[], unknown][] = [
    [[1, 2.5, 3], [1, 2.5, 3]],
    [[1, 2n ** 63n], [1, 2n ** 63n]],
    [[[], [1], [0.5]], [[], [1], [0.5]]],
    [[new Map(), new Map([["a", 1]]), new Map([["b", 1.5]])], [
      new Map(),
      new Map([["a", 1]]),
      new Map([["b", 1.5]]),
    ]],
    [[{ A: 1 }, { A: 1.5, B: "x" }, { B: "y", C: [] }, { C: [{ D: 1 }] }, { C: [{ E: 1 }] }], [
      { A: 1, B: "", C: [] },
      { A: 1.5, B: "x", C: [] },
      { A: 0, B: "y", C: [] },
      { A: 0, B: "", C: [{ D: 1, E: 0 }] },
      { A: 0, B: "", C: [{ D: 0, E: 1 }] },
    ]],
  ];
  for (const [value, expected] of pairs) assertEquals(decode(encode(value)), expected);
  const wrong: [unknown, string][] = [
    [[1, 2, "x", 3], "$[2]: a string beside a int"],
    [[0.5, 1, 2n ** 63n], "$[2]: a uint beside a float"],
    [[[1], [2], ["x"]], "$[2]: a string beside a int"],
    [{ L: [{ A: 1 }, { B: 1 }, { A: [1] }] }, "$.L[2]: a slice beside a int"],
    [new Map<string, unknown>([["a", 1], ["b", "x"]]), "$[1]: a string beside a int"],
  ];
  for (const [value, text] of wrong) refuses("invalid_argument", text, () => encode(value));
});

Deno.test("what can't be sent is named by its path", () => {
  const cycle: Record<string, unknown> = { List: [] };
  (cycle.List as unknown[]).push({ Back: cycle });
  class Socket {
    get [Symbol.toStringTag]() {
      return "Socket";
    }
  }
  const cases: [unknown, string][] = [
    [{ a: { b: [1, 2, 3, () => 1] } }, "$.a.b[3]: a value of type function"],
    [{ a: Symbol("x") }, "$.a: a value of type symbol"],
    [cycle, "$.List[0].Back: the value contains itself"],
    [[], "$: nothing tells the element type"],
    [[1, null], "$[1]: null"],
    [{ a: [1, "x"] }, "$.a[1]: a string beside"],
    [new Map([["k y", [undefined]]]), "$[0][0]: a value of type undefined"],
    [null, "$: null"],
    [{ s: new Socket() }, "$.s: Socket objects"],
    [{ "": 1 }, "no field can have this name"],
    [new Date(NaN), "$: Time can't be encoded"],
  ];
  for (const [value, text] of cases) {
    refuses("invalid_argument", text, () => encode(value));
  }

  const schema = gob.struct({
    M: gob.map(gob.string, gob.slice(gob.struct({ N: gob.int8 }))),
  });
  const bad = { M: new Map([["a b", [{ N: 1 }, { N: 200 }]]]) };
  refuses(
    "invalid_argument",
    '$.M["a b"][1].N: the number 200',
    () => encode(bad, schema),
  );
  refuses(
    "invalid_argument",
    "$.M: an array is not",
    () => encode({ M: [] } as never, schema),
  );
  refuses("invalid_argument", "(m)", () => encode({ m: 1 } as never, schema));
  const any = gob.slice(gob.any);
  const loop: unknown[] = [];
  loop.push(new GobNamed("Loop", loop));
  assertThrows(() => encode(loop, any), RpcError);
});

Deno.test("deep values are refused, in and out", () => {
  let deep: unknown = 1;
  for (let level = 0; level < 100; level++) deep = [deep];
  assertEquals(JSON.stringify(decode(encode(deep))), JSON.stringify(deep));
  refuses("resource_exhausted", "maxDepth", () => encode([deep]));
  refuses("resource_exhausted", "maxDepth", () => {
    decode(encode([deep], undefined, { maxDepth: 101 }));
  });
});

Deno.test("maps with keys of any kind", () => {
  const schema = gob.map(
    gob.struct({ A: gob.safeInt }),
    gob.array(2, gob.float),
  );
  const map = new Map([[{ A: 1 }, [1, 2]], [{ A: 2 }, [0, 0]]]);
  assertEquals(decode(encode(map, schema), schema), map);
  assertEquals(decode(encode(map, schema)), map);
  const object = gob.map(gob.string, gob.safeInt, { as: "object" });
  assertEquals(decode(encode({ a: 1, b: 0 }, object), object), { a: 1, b: 0 });
  assertEquals(decode(encode({ a: 1 }, object)), new Map([["a", 1]]));
  assertEquals(
    decode(encode({ a: 1 }, object), undefined, { maps: "object" }),
    { a: 1 },
  );
  assertThrows(
    () => gob.map(gob.int as never, gob.int, { as: "object" }),
    TypeError,
  );
});

Deno.test("nothing decodes to a prototype", () => {
  const map = new Map([["__proto__", 1]]);
  assertEquals(decode(encode(map)), map);
  refuses("invalid_argument", "$.__proto__: an object", () => {
    decode(encode(map), gob.map(gob.string, gob.int, { as: "object" }));
  });
  refuses(
    "invalid_argument",
    "__proto__",
    () => decode(encode(map), undefined, { maps: "object" }),
  );
  assertThrows(() => gob.struct({ ["__proto__"]: gob.int }), TypeError);
  // A struct with such a field, which no encoder of ours makes.
  const sent = encode({ __pr0to__: 5, B: 6 });
  const at = sent.indexOf("0".charCodeAt(0), 10);
  sent[at] = "o".charCodeAt(0);
  const value = decode(sent) as object;
  assertEquals(Object.getPrototypeOf(value), Object.prototype);
  assertEquals(Object.keys(value), ["B"]);
});

Deno.test("interfaces hold registered types", () => {
  const registry = { "main.Point": point, "time.Time": gob.time };
  const schema = gob.struct({ List: gob.slice(gob.interface(registry)) });
  const values = [1, 1.5, "x", true, null, { X: 1, Y: 2 }, new Date(5000), [
    1,
    2,
  ], ["a"]];
  const bytes = encode({ List: values }, schema);
  assertEquals(decode(bytes, schema).List, values);
  assertEquals((decode(bytes) as { List: unknown[] }).List, values);
  const named = gob.struct({
    List: gob.slice(gob.interface(registry, { as: "named" })),
  });
  assertEquals(
    decode(bytes, named).List[5],
    new GobNamed("main.Point", { X: 1, Y: 2 }),
  );
  const other = gob.struct({ List: gob.slice(gob.interface({})) });
  refuses(
    "invalid_argument",
    '$.List[5]: the registry of the interface has no "main.Point"',
    () => {
      decode(bytes, other);
    },
  );
  refuses(
    "invalid_argument",
    "no type of the interface's registry fits an object",
    () => {
      encode({ List: [{ Z: 1 }] }, schema);
    },
  );
  const twice = gob.interface({
    a: point,
    b: gob.struct({ X: gob.int, Z: gob.int }),
  });
  refuses(
    "invalid_argument",
    "more than one type (a, b)",
    () => encode({ X: 1 }, twice),
  );
  refuses("invalid_argument", '"c"', () => encode(new GobNamed("c", 1), twice));
  assertEquals(decode(encode(new GobNamed("b", { Z: 1 }), twice)), {
    X: 0,
    Z: 1,
  });
});

// What Go 1.26 sends for []any{1, W{Point{1, 2}}, "x", W{W{3}}, Point{5, 0}} and any(Point{7, 8}),
// with W{V any}: types are defined in the middle of the value, which is spread over messages.
const SPREAD_BYTES = bytesOf(`
  0b 7f 02 01 02 ff 80 00 01 10 00 00 23 ff 80 00 05 03 69 6e 74 04 02 00 02 01 57 ff 81 03
  01 01 01 57 01 ff 82 00 01 01 01 01 56 01 10 00 00 00 59 ff 82 22 01 01 50 ff 83 03 01 01
  05 50 6f 69 6e 74 01 ff 84 00 01 02 01 01 58 01 04 00 01 01 59 01 04 00 00 00 09 ff 84 05
  01 02 01 04 00 00 06 73 74 72 69 6e 67 0c 03 00 01 78 01 57 ff 82 11 01 01 57 ff 82 0a 01
  03 69 6e 74 04 02 00 06 00 00 01 50 ff 84 03 01 0a 00 0c 10 00 01 50 ff 84 05 01 0e 01 10
  00`);
const SPREAD_VALUE = [
  1,
  { V: { X: 1, Y: 2 } },
  "x",
  { V: { V: 3 } },
  { X: 5, Y: 0 },
];

Deno.test("a value that goes on in later messages is read as a whole", () => {
  const whole = new GobDecoder();
  whole.push(SPREAD_BYTES);
  assertEquals(whole.next()?.value, SPREAD_VALUE);
  assertEquals(whole.next()?.value, { X: 7, Y: 8 });
  assertEquals(whole.buffered, 0);

  const decoder = new GobDecoder();
  const read: unknown[] = [];
  for (const byte of SPREAD_BYTES) {
    decoder.push(Uint8Array.of(byte));
    const next = decoder.next();
    if (next !== undefined) read.push(next.value);
  }
  assertEquals(read, [SPREAD_VALUE, { X: 7, Y: 8 }]);

  const skipping = new GobDecoder();
  skipping.push(SPREAD_BYTES);
  assert(skipping.skip());
  assertEquals(skipping.next()?.value, { X: 7, Y: 8 });

  // A misfit in it is no harm to what follows, and the types it defined are known.
  const misfit = new GobDecoder();
  misfit.push(SPREAD_BYTES);
  refuses("invalid_argument", "bool", () => misfit.next(gob.slice(gob.bool)));
  assertEquals(misfit.next()?.value, { X: 7, Y: 8 });

  for (let end = 0; end < SPREAD_BYTES.length; end++) {
    if (SPREAD_BYTES.length - end > 30) {
      refuses(
        "data_loss",
        "middle",
        () => decode(SPREAD_BYTES.subarray(0, end)),
      );
    }
  }
});

Deno.test("times keep their nanoseconds if asked", () => {
  const instant: GobInstant = {
    epochNanoseconds: -1_500_000_001n,
    offsetSeconds: 3600,
  };
  const bytes = encode(instant, gob.instant);
  assertEquals(decode(bytes, gob.instant), instant);
  assertEquals(decode(bytes, gob.time), new Date(-1501));
  assertEquals(decode(bytes), new Date(-1501));
  assertEquals(decode(bytes, undefined, { time: "instant" }), instant);
  assertEquals(decode(encode(instant, gob.time), gob.instant), instant);
  const odd: GobInstant = {
    epochNanoseconds: 10n ** 24n,
    offsetSeconds: -7223,
  };
  assertEquals(decode(encode(odd, gob.instant), gob.instant), odd);
  refuses(
    "invalid_argument",
    "a Date can represent",
    () => decode(encode(odd, gob.instant), gob.time),
  );
});

Deno.test("big integers and types that encode themselves", () => {
  for (const value of [0n, 1n, -255n, 256n, 2n ** 200n, -(2n ** 64n)]) {
    assertEquals(decode(encode(value, gob.bigInt), gob.bigInt), value);
  }
  const fraction = gob.textMarshaler<number>({
    encode: (value) => `${value * 2}/2`,
    decode: (text) => {
      const [above, below] = text.split("/").map(Number);
      if (!(below > 0)) throw new Error("not a fraction");
      return above / below;
    },
    zero: () => 0,
  });
  assertEquals(decode(encode(1.5, fraction), fraction), 1.5);
  assertEquals(decode(encode(1.5, fraction)), "3/2");
  refuses(
    "invalid_argument",
    "$.F: textMarshaler can't be decoded: Error: not a fraction",
    () => {
      const wrong = gob.textMarshaler<string>({
        encode: (text) => text,
        decode: (text) => text,
        zero: () => "",
      });
      decode(
        encode({ F: "x" }, gob.struct({ F: wrong })),
        gob.struct({ F: fraction }),
      );
    },
  );
  assertThrows(() => gob.slice(gob.uint8), TypeError);
});

Deno.test("a value that doesn't fit fails alone", () => {
  const encoder = new GobEncoder();
  const decoder = new GobDecoder();
  decoder.push(encoder.encode({ A: 1, B: [1] }));
  decoder.push(encoder.encode({ A: 2, B: [2] }));
  decoder.push(encoder.encode("next"));
  const wrong = gob.struct({ A: gob.int, B: gob.slice(gob.string) });
  refuses(
    "invalid_argument",
    "$.B[0]: int received where the schema says string",
    () => {
      decoder.next(wrong);
    },
  );
  refuses(
    "invalid_argument",
    "$.A: int received where the schema says uint",
    () => {
      decoder.next(gob.struct({ A: gob.uint }));
    },
  );
  assertEquals(decoder.next(gob.string), { value: "next" });
  assertEquals(decoder.buffered, 0);
});

Deno.test("a value that can't be encoded leaves no trace", () => {
  const encoder = new GobEncoder();
  const writer = new GobWriter(16);
  encoder.encodeTo(writer, 1, gob.int);
  const before = hex(writer.view());
  const list = gob.struct({ P: point, L: gob.slice(gob.any) });
  assertThrows(
    () => encoder.encodeTo(writer, { P: { X: 1, Y: 1 }, L: [() => 1] }, list),
    RpcError,
  );
  assertEquals(hex(writer.view()), before);
  assertThrows(
    () => encoder.encodePairTo(writer, { X: 1, Y: 2 }, point, Symbol("x")),
    RpcError,
  );
  assertEquals(hex(writer.view()), before);
  encoder.encodePairTo(writer, { X: 1, Y: 2 }, point, {
    P: { X: 3, Y: 4 },
    L: ["x"],
  }, list);
  const decoder = new GobDecoder();
  decoder.push(writer.view());
  assertEquals(decoder.next()?.value, 1);
  assertEquals(decoder.next(point)?.value, { X: 1, Y: 2 });
  assertEquals(decoder.next(list)?.value, { P: { X: 3, Y: 4 }, L: ["x"] });
});

Deno.test("schemas that say the same share a definition", () => {
  const encoder = new GobEncoder();
  const make = () => gob.struct({ A: gob.slice(gob.int), P: gob.optional(point) });
  encoder.encode({ A: [1], P: null }, make());
  assertEquals(encoder.encode({ A: [1], P: null }, make()).length, 7);
});

Deno.test("values are read however the bytes are cut", () => {
  const encoder = new GobEncoder();
  const values = [{ A: 1 }, "x".repeat(300), [1, 2, 3], {
    A: 1,
    B: { C: [1.5] },
  }];
  const chunks = values.map((value) => encoder.encode(value));
  const stream = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
  for (const size of [1, 2, 3, 7, 64, stream.length]) {
    const decoder = new GobDecoder();
    const read: unknown[] = [];
    for (let at = 0; at < stream.length; at += size) {
      const chunk = stream.slice(at, at + size);
      decoder.push(chunk);
      chunk.fill(0xaa); // the decoder has a copy
      for (
        let next = decoder.next();
        next !== undefined;
        next = decoder.next()
      ) {
        read.push(next.value);
      }
    }
    assertEquals(read, values);
    assertEquals(decoder.buffered, 0);
  }
  const decoder = new GobDecoder();
  assertThrows(() => decoder.take(), TypeError);
  decoder.push(stream);
  assert(decoder.ready() && decoder.ready());
  assert(decoder.skip() && decoder.skip());
  assertEquals(decoder.next()?.value, [1, 2, 3]);
});

Deno.test("a broken stream is final", () => {
  const decoder = new GobDecoder();
  decoder.push(bytesOf("03 ff 90 00 03 04 00 06"));
  refuses("data_loss", "type 72 is not defined", () => decoder.next());
  refuses("data_loss", "type 72 is not defined", () => decoder.ready());
  refuses(
    "data_loss",
    "behind the value",
    () => decode(bytesOf("03 04 00 06 00")),
  );
  refuses("data_loss", "middle", () => decode(POINT_BYTES.subarray(0, -1)));
});

Deno.test("a value over the limit is dropped as it comes, and only it is lost", () => {
  const limits = { maxMessageBytes: 1000 };
  for (const long of ["x".repeat(1001), { Name: "x".repeat(100_000) }]) {
    const encoder = new GobEncoder();
    const values = [{ Name: "first" }, long, [1, 2, 3]];
    const bytes = Uint8Array.from(values.flatMap((value) => [...encoder.encode(value)]));
    for (const chunkBytes of [1, 7, 999, bytes.length]) {
      for (const skips of [false, true]) {
        const decoder = new GobDecoder(limits);
        const read: unknown[] = [];
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          decoder.push(bytes.subarray(at, at + chunkBytes));
          while (decoder.ready()) {
            if (read.length === 1 && skips) read.push(decoder.skip());
            else if (read.length === 1) {
              refuses("resource_exhausted", "bytes, beyond maxMessageBytes", () => decoder.take());
              read.push(true);
            } else read.push(decoder.take());
          }
          assert(decoder.buffered <= Math.max(chunkBytes, 1000));
        }
        assertEquals(read, [{ Name: "first" }, true, [1, 2, 3]]);
        assertEquals(decoder.buffered, 0);
      }
    }
  }
});

Deno.test("a stream is between two values once the last has come as a whole", () => {
  for (const [maxMessageBytes, taken] of [[1000, "x".repeat(500)], [100, undefined]] as const) {
    const decoder = new GobDecoder({ maxMessageBytes });
    const bytes = encode("x".repeat(500));
    assert(decoder.isBetween);
    for (const byte of bytes.subarray(0, -1)) {
      decoder.push(Uint8Array.of(byte));
      if (decoder.ready()) assertThrows(() => decoder.take(), RpcError, "maxMessageBytes");
      assert(!decoder.isBetween);
    }
    decoder.push(bytes.subarray(-1));
    assertEquals(decoder.next()?.value, taken);
    assert(decoder.isBetween);
  }
});

Deno.test("hostile streams are refused before they cost anything", () => {
  const cases: [string, string, string][] = [
    [
      "data_loss",
      "8388607 elements",
      "0c ff 81 02 01 02 ff 82 00 01 04 00 00 08 ff 82 00 fd 7f ff ff 00",
    ],
    ["data_loss", "bytes where", "08 0c 00 fd 7f ff ff 41 41"],
    // a definition of 2 GiB, and a value of so many bytes with interfaces in it
    ["resource_exhausted", "maxMessageBytes", "fc 7f ff ff ff ff 81 00 00 00 00 00 00 00"],
    ["resource_exhausted", "maxMessageBytes", "fc 7f ff ff ff 10 00 00 00 00 00 00 00 00"],
    // values of 8 GiB less one byte, and of one more
    ["resource_exhausted", "8589934591 bytes", "fb 01 ff ff ff ff 0c 00 41 41 41 41 41 41 41 41"],
    ["data_loss", "8589934592 bytes", "fb 02 00 00 00 00 0c 00 41 41 41 41 41 41 41 41"],
    ["data_loss", "a message of", "f8 ff ff ff ff ff ff ff ff 0c 00 41 41 41 41 41 41 41 41"],
    ["data_loss", "type 72 is not defined", "fc 7f ff ff ff ff 90 00 00 00 00 00 00 00"],
    [
      "data_loss",
      "a message length of 9 bytes",
      "f7 01 01 01 01 01 01 01 01 01",
    ],
    ["data_loss", "type 16 is not defined", "03 20 00 00"],
    [
      "data_loss",
      "type 65 is defined again",
      hex(POINT_BYTES.slice(0, 32)) + " " + hex(POINT_BYTES),
    ],
    [
      "data_loss",
      "type 2 is defined again",
      "0a 03 02 01 02 04 00 01 04 00 00",
    ],
    ["data_loss", "no known kind", "03 ff 81 00"],
    ["data_loss", "without its element", "0a ff 81 02 01 02 ff 82 00 00 00"],
    ["data_loss", "a type id of 0", "01 00"],
    ["data_loss", "past the end", "00"],
    // type 65 is a slice of itself, and the value is 200 of them, one in another
    [
      "resource_exhausted",
      "maxDepth",
      "0d ff 81 02 01 02 ff 82 00 01 ff 82 00 00 ff cb ff 82 00 " +
      "01 ".repeat(199) + "00",
    ],
    // type 65 is an array of 2^40 elements
    [
      "data_loss",
      "elements",
      "14 ff 81 01 01 02 ff 82 00 01 04 01 fa 02 00 00 00 00 00 00 00 05 ff 82 00 7f 00",
    ],
  ];
  for (const [code, text, bytes] of cases) {
    refuses(code, text, () => decode(bytesOf(bytes)));
  }
});

/** A struct of so many ints. */
function wide(size: number): GobSchema<Record<string, number>> {
  const fields = Array.from({ length: size }, (_, index) => [`F${index}`, gob.safeInt]);
  return gob.struct(Object.fromEntries(fields)) as GobSchema as ReturnType<typeof wide>;
}

/** The definition of such a struct, also of one that no encoder of ours sends. */
function definitionOf(size: number): Uint8Array {
  const writer = new GobWriter();
  const start = writer.begin();
  writer.int(-65);
  for (const byte of [3, 1, 2]) writer.byte(byte);
  writer.int(65);
  for (const byte of [0, 1]) writer.byte(byte);
  writer.uint(size);
  for (let index = 0; index < size; index++) {
    writer.byte(1);
    writer.string(`F${index}`);
    for (const byte of [1, 4, 0]) writer.byte(byte);
  }
  for (const byte of [0, 0]) writer.byte(byte);
  writer.end(start);
  return writer.view();
}

Deno.test("a struct of more fields than any program has is refused, in and out", () => {
  const most = wide(4096);
  const encoder = new GobEncoder();
  const bytes = encoder.encode({}, most);
  assertEquals(hex(bytes.subarray(0, -4)), hex(definitionOf(4096)));
  // All its fields may be zero.
  assertEquals(Object.keys(decode(bytes) as object).length, 4096);
  assertEquals(decode(bytes, most).F4095, 0);

  const text = "a struct of more than 4096 fields";
  refuses("resource_exhausted", text, () => encoder.encode({}, wide(4097)));
  refuses("resource_exhausted", text, () => encoder.encode(dictionary("K", 4097)));
  const halves = [dictionary("A", 3000), dictionary("B", 3000)];
  refuses("resource_exhausted", text, () => encoder.encode(halves));
  assertEquals(hex(encoder.encode({}, most)), "03 ff 82 00");
  refuses("resource_exhausted", text, () => {
    decode(Uint8Array.from([...definitionOf(4097), 3, 0xff, 0x82, 0]));
  });
});

Deno.test("the fewer bytes a value has, the fewer zero fields it may leave out", () => {
  const empty = (length: number) => Array.from({ length }, () => ({}));
  for (const [length, size] of [[1500, 1000], [100, 100], [2, 4096]]) {
    const list = gob.slice(wide(size));
    const bytes = encode(empty(length), list);
    refuses("resource_exhausted", "zero fields", () => decode(bytes));
    refuses("resource_exhausted", "zero fields", () => decode(bytes, list));
  }
  for (const [length, size] of [[1500, 0], [20_000, 32], [1, 4096]]) {
    const list = gob.slice(wide(size));
    assertEquals(decode(encode(empty(length), list), list).length, length);
  }
});

Deno.test("that a type and a schema don't fit is found out once", () => {
  const schema = gob.struct({ B: gob.int, A: gob.string });
  for (const value of [{ C: 1 }, { A: 1 }, 7]) {
    let looks = 0;
    const watched = gob.lazy(() => (looks++, schema));
    const encoder = new GobEncoder();
    const decoder = new GobDecoder();
    const next = (text: string) => {
      decoder.push(encoder.encode(value));
      const error = assertThrows(() => decoder.next(watched), RpcError, text);
      return error.message;
    };
    const message = next("received");
    const first = looks;
    assert(first > 0);
    for (let index = 0; index < 3; index++) assertEquals(next("received"), message);
    assertEquals(looks, first);
  }

  // Each error has the place of its own value.
  const right = gob.slice(gob.struct({ A: gob.int }));
  const wrong = gob.slice(gob.struct({ A: gob.string }));
  const encoder = new GobEncoder();
  const decoder = new GobDecoder();
  for (
    const [L, M, place] of [[[{ A: 1 }], [], "$.L[0].A"], [[], [{ A: 1 }], "$.M[0].A"]] as const
  ) {
    decoder.push(encoder.encode({ L, M }, gob.struct({ L: right, M: right })));
    refuses("invalid_argument", `${place}: int received`, () => {
      decoder.next(gob.struct({ L: wrong, M: wrong }));
    });
  }
});

Deno.test("limits of the encoder", () => {
  refuses(
    "resource_exhausted",
    "maxMessageBytes",
    () => encode("x".repeat(5_000_000)),
  );
  refuses(
    "resource_exhausted",
    "maxMessageBytes",
    () => encode("xxx", gob.string, { maxMessageBytes: 3 }),
  );
  const encoder = new GobEncoder();
  refuses("resource_exhausted", "10000 types", () => {
    for (let index = 0; index < 10_001; index++) {
      encoder.encode({ [`K${index}`]: 1 });
    }
  });
  assertEquals(encoder.encode({ K1: 1 }).length, 6);
});

Deno.test("a decoder takes the longest values that an encoder sends, with interfaces too", () => {
  const limits = { maxMessageBytes: 1000 };
  const any = gob.struct({ V: gob.any });
  for (const schema of [gob.struct({ V: gob.string }), any]) {
    const encoder = new GobEncoder(limits);
    const decoder = new GobDecoder(limits);
    const sent: Uint8Array[] = [];
    refuses("resource_exhausted", "maxMessageBytes", () => {
      for (;;) sent.push(encoder.encode({ V: "x".repeat(sent.length) }, schema as typeof any));
    });
    assert(sent.length > 950);
    for (const [length, bytes] of sent.entries()) {
      decoder.push(bytes);
      assertEquals(decoder.next()?.value, { V: "x".repeat(length) });
    }
  }
  const name = "n".repeat(1024);
  assertEquals(decode(encode({ V: new GobNamed(name, 1) }, any)), { V: 1 });
  refuses("invalid_argument", "$.V: the name of a type of 1025 characters", () => {
    encode({ V: new GobNamed(`${name}n`, 1) }, any);
  });
});

Deno.test("a decoder takes whatever an encoder with the same limits sends", () => {
  const short = Array.from({ length: 30 }, (_, more) => ({ maxMessageBytes: 900 + more }));
  for (
    const [limits, size] of [
      [{}, 1],
      [{}, 60],
      ...short.map((each) => [each, 5] as const),
    ] as const
  ) {
    const encoder = new GobEncoder(limits);
    const decoder = new GobDecoder(limits);
    const pass = (value: object, schema?: GobSchema<unknown, object>) => {
      decoder.push(encoder.encode(value, schema));
      assertEquals(decoder.next()?.value, value);
    };
    let name = 0;
    refuses("resource_exhausted", "in one stream", () => {
      for (;; name++) pass(dictionary(name, size));
    });
    if (size === 1) assertEquals(name, 9_999);
    // What was refused left nothing behind, and an error can still be told: its body is struct{}.
    assertThrows(() => encoder.encode(dictionary("more", 100)), RpcError);
    pass(dictionary(0, size));
    pass({}, gob.struct({}));
  }
});
