/**
 * What Node 20 lacks: `Promise.withResolvers`, and the `Set` methods, which
 * only `@std/assert` uses.
 */

import "./promise.ts";

type Combine = (a: Set<unknown>, b: Set<unknown>) => Iterable<unknown>;
addSetMethod("union", (a, b) => [...a, ...b]);
addSetMethod("intersection", (a, b) => [...a].filter((x) => b.has(x)));
addSetMethod("difference", (a, b) => [...a].filter((x) => !b.has(x)));
addSetMethod("symmetricDifference", (a, b) => [
  ...[...a].filter((x) => !b.has(x)),
  ...[...b].filter((x) => !a.has(x)),
]);

function addSetMethod(name: string, method: Combine) {
  if (name in Set.prototype) return;
  Object.defineProperty(Set.prototype, name, {
    configurable: true,
    writable: true,
    value(this: Set<unknown>, other: Set<unknown>) {
      return new Set(method(this, other));
    },
  });
}
