/**
 * Rules over the names of methods, of which the most specific counts.
 *
 * @module
 */

import type { ServerCall } from "../connection/interceptor.ts";
import { splitName } from "../internal/method_name.ts";
import { wrongType } from "../internal/options.ts";

/**
 * Who may call a method:
 *
 * - `"anyone"`: whoever calls, known or not.
 * - `"authenticated"`: everyone who is known.
 * - `"nobody"`.
 * - a function: who is known, and for whom it returns `true` or a promise of it.
 *   Anything else that it returns is a no. It may look at the call's argument.
 *
 * @typeParam P The type of principals.
 */
export type Rule<P> =
  | "anyone"
  | "authenticated"
  | "nobody"
  | ((principal: P, call: ServerCall) => boolean | Promise<boolean>);

/**
 * Rules by pattern: `Service.Method` for one method, `Service.*` for all methods
 * of one service, `*` for all.
 *
 * @typeParam P The type of principals.
 */
export type Rules<P> = Readonly<Record<string, Rule<P>>>;

/** `Service.Method` or `Service.*`; a service's name may have dots in it. */
const PATTERN = /^[^\s*]*[^\s*.]\.(?:\*|[^\s*.]+)$/;
const NAMES: readonly unknown[] = ["anyone", "authenticated", "nobody"];

/** Finds the rule of a method. */
export class RuleTable<P> {
  readonly #rules: ReadonlyMap<string, Rule<P>>;

  /**
   * @param rules The rules by pattern.
   * @throws {TypeError} For a pattern or a rule that is none.
   */
  constructor(rules: Rules<P>) {
    if (typeof rules !== "object" || rules === null || Array.isArray(rules)) {
      throw wrongType("rules", "an object of rules by pattern", rules);
    }
    this.#rules = new Map(Object.entries(rules));
    for (const [pattern, rule] of this.#rules) {
      if (pattern !== "*" && !PATTERN.test(pattern)) {
        throw new TypeError(
          `rules: ${
            JSON.stringify(pattern)
          } is no pattern; use "Service.Method", "Service.*" or "*"`,
        );
      }
      if (typeof rule === "function" || NAMES.includes(rule)) continue;
      const wanted = '"anyone", "authenticated", "nobody" or a function';
      throw wrongType(`rules[${JSON.stringify(pattern)}]`, wanted, rule);
    }
  }

  /**
   * The rule of a method.
   *
   * @param serviceMethod The name by which it was called.
   * @returns The most specific rule; `"nobody"` if none matches.
   */
  of(serviceMethod: string): Rule<P> {
    return this.#exact(serviceMethod) ??
      this.#rules.get(`${splitName(serviceMethod).service}.*`) ??
      this.#rules.get("*") ?? "nobody";
  }

  /** The rule for one method; a name that is written like a pattern is no method's. */
  #exact(serviceMethod: string): Rule<P> | undefined {
    return serviceMethod.endsWith("*") ? undefined : this.#rules.get(serviceMethod);
  }
}
