/** Deep equality by value, with the rules of `@std/assert`'s `equal`. */

type Properties = Record<PropertyKey, unknown>;

// Objects that hide their value from property reads but show it as a string.
const SHOWN_AS_STRING = new Set(
  [RegExp, URL, URLSearchParams, Intl.Locale, ...temporalClasses()]
    .map((type) => type.prototype),
);

/**
 * Whether two values are equal in depth: `NaN` equals `NaN`, `0` equals `-0`,
 * functions and promises are equal only to themselves.
 */
export function equal(a: unknown, b: unknown): boolean {
  return new Comparison().same(a, b);
}

class Comparison {
  // Pairs under comparison: meeting one again means a cycle, equal so far.
  #pairs = new Map<object, unknown>();

  same(a: unknown, b: unknown): boolean {
    if (a === b || Object.is(a, b)) return true;
    if (!isObject(a) || !isObject(b)) return false;
    if (a instanceof Date && b instanceof Date) {
      return Object.is(a.getTime(), b.getTime());
    }
    if (kind(a) !== kind(b)) return false;
    if (a instanceof WeakMap || a instanceof WeakSet) {
      throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
    }
    if (a instanceof WeakRef) {
      return this.same(a.deref(), (b as WeakRef<object>).deref());
    }
    const elements = elementsOf(a);
    if (elements) return sameElements(elements, elementsOf(b)!);

    if (this.#pairs.get(a) === b) return true;
    if (Object.keys(a).length !== Object.keys(b).length) return false;
    this.#pairs.set(a, b);
    const same = this.#sameContent(a, b);
    if (!same) this.#pairs.delete(a);
    return same;
  }

  #sameContent(a: object, b: object): boolean {
    if (a instanceof Map) return this.#sameMap(a, b as typeof a);
    if (a instanceof Set) return this.#sameSet(a, b as typeof a);
    if (SHOWN_AS_STRING.has(Object.getPrototypeOf(a))) {
      return String(a) === String(b);
    }
    return this.#sameProperties(a as Properties, b as Properties);
  }

  #sameProperties(a: Properties, b: Properties): boolean {
    for (const key of new Set([...keysOf(a), ...keysOf(b)])) {
      if (key in a !== key in b || !this.same(a[key], b[key])) return false;
    }
    return true;
  }

  #sameSet(a: Set<unknown>, b: Set<unknown>): boolean {
    return a.size === b.size &&
      every(
        a,
        (value) => isObject(value) ? some(b, (other) => this.same(value, other)) : b.has(value),
      );
  }

  #sameMap(a: Map<unknown, unknown>, b: Map<unknown, unknown>): boolean {
    return a.size === b.size &&
      every(
        a,
        ([key, value]) =>
          isObject(key)
            ? some(b, ([k, v]) => this.same(key, k) && this.same(value, v))
            : b.has(key) && this.same(value, b.get(key)),
      );
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The prototype; an object without one counts as a plain object. */
function kind(value: object): object {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function elementsOf(value: object): ArrayLike<unknown> | undefined {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return value as Uint8Array;
  }
  if (
    value instanceof ArrayBuffer ||
    globalThis.SharedArrayBuffer && value instanceof SharedArrayBuffer
  ) {
    return new Uint8Array(value);
  }
}

function sameElements(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !Object.is(a[i], b[i])) return false;
  }
  return true;
}

/**
 * The keys that make up an object's value: the enumerable own ones of plain
 * objects and arrays; for instances of classes also hidden and inherited ones.
 */
function keysOf(value: object): PropertyKey[] {
  const plain = [Object.prototype, Array.prototype, null];
  if (plain.includes(Object.getPrototypeOf(value))) {
    return Reflect.ownKeys(value).filter((key) =>
      Object.prototype.propertyIsEnumerable.call(value, key)
    );
  }
  const keys: PropertyKey[] = [];
  for (let at = value; !plain.includes(at); at = Object.getPrototypeOf(at)) {
    keys.push(...Reflect.ownKeys(at));
  }
  return keys;
}

function every<T>(items: Iterable<T>, test: (item: T) => boolean): boolean {
  for (const item of items) if (!test(item)) return false;
  return true;
}

function some<T>(items: Iterable<T>, test: (item: T) => boolean): boolean {
  for (const item of items) if (test(item)) return true;
  return false;
}

function temporalClasses(): { prototype: object }[] {
  const { Temporal } = globalThis as { Temporal?: object };
  return Object.values(Object.getOwnPropertyDescriptors(Temporal ?? {}))
    .map(({ value }) => value)
    .filter((value) => typeof value === "function");
}
