/** Finds the part of an object that `assertObjectMatch` compares. */

type Properties = Record<PropertyKey, unknown>;

/** The part of `actual` whose properties `expected` has too, as plain objects. */
export function part(actual: Properties, expected: Properties): Properties {
  const known = new Map<object, object>();
  for (const value of [actual, expected]) {
    if (typeof value === "object" && value !== null) continue;
    const type = value === null ? "null" : `type ${typeof value}`;
    throw new TypeError(`Cannot assertObjectMatch ${type}`);
  }
  return ofObject(actual, expected);

  function of(a: unknown, b: unknown): unknown {
    const objects = typeof a === "object" && typeof b === "object" && a && b;
    if (!objects || a instanceof RegExp || a instanceof Date) return a;
    if (Array.isArray(a) && Array.isArray(b)) {
      if (known.get(a) === b) return a;
      known.set(a, b);
      const shared = a.slice(0, b.length);
      return shared.map((item, i) => of(item, b[i]));
    }
    if (a instanceof Map && b instanceof Map) {
      const shared = [...a].filter(([key]) => b.has(key));
      return new Map(shared.map(([key, item]) => [key, of(item, b.get(key))]));
    }
    if (a instanceof Set && b instanceof Set) {
      return new Set([...a].filter((item) => b.has(item)));
    }
    return ofObject(a as Properties, b as Properties);
  }

  function ofObject(a: Properties, b: Properties): Properties {
    if (known.get(a) === b) return a;
    known.set(a, b);
    const keys = Reflect.ownKeys(a);
    const shared = keys.filter((key) => Object.hasOwn(b, key));
    // Nothing in common: keep all of it, so that the message shows it.
    const none = shared.length === 0 && Reflect.ownKeys(b).length > 0;
    const result: Properties = {};
    for (const key of none ? keys : shared) {
      const value = none ? a[key] : of(a[key], b[key]);
      Object.defineProperty(result, key, { value, enumerable: true });
    }
    return result;
  }
}
