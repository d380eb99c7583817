/** The level of an event in a log: the recipe in docs/operations.md. */

const WARNINGS = ["unreachable", "stalled", "ejected", "overloaded", "cut", "turned_away"];
const ERRORS = ["failed", "lost", "invalid", "empty"];

/** How much an event matters to whoever is on call. */
export function levelOf({ type }: { readonly type: string }): "info" | "warn" | "error" {
  if (ERRORS.includes(type)) return "error";
  return WARNINGS.includes(type) ? "warn" : "info";
}
