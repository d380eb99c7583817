/** `Deno.test` for tests that run on Node and Bun, over `node:test`. */

import process from "node:process";
import { test, type TestContext as NodeContext } from "node:test";

const TEST_MS = 60_000;
const LEFTOVER_MS = 10_000;

// Bun runs all files in one process, and does not say what is still open.
const findsLeftovers = !("Bun" in globalThis);

interface Options {
  name?: string;
  ignore?: boolean;
  timeout?: number;
}
type Body = (t: TestContext) => unknown;
type Definition = Options & { fn: Body };
type TestArgs =
  | [Body | Definition]
  | [string | Options, Body]
  | [string, Options, Body];

/** What a test body gets. */
class TestContext {
  readonly name: string;
  /** Whether all steps passed. */
  ok = true;
  #node: NodeContext;

  constructor(name: string, node: NodeContext) {
    this.name = name;
    this.#node = node;
  }

  /** Runs a step; resolves to whether it passed. */
  async step(...args: TestArgs): Promise<boolean> {
    const { name, fn, ignore: skip } = definition(args);
    let passed = false;
    await this.#node.test(name, { skip }, async (node) => {
      const context = new TestContext(name, node);
      await fn(context);
      passed = context.ok;
    });
    if (!passed && !skip) this.ok = false;
    return passed;
  }
}

// The tests that have not ended yet.
const pending = new Set<Definition>();

function define(...args: TestArgs) {
  const own = definition(args);
  const { name, fn, ignore: skip, timeout = TEST_MS } = own;
  const end = () => {
    if (pending.delete(own) && pending.size === 0 && findsLeftovers) {
      setTimeout(failOnLeftovers, LEFTOVER_MS).unref();
    }
  };
  if (!skip) pending.add(own);
  test(name, { skip, timeout }, async (node) => {
    node.signal.addEventListener("abort", end);
    try {
      await fn(new TestContext(name, node));
    } finally {
      end();
    }
  });
}

/** Runs only if something keeps the process alive after its last test. */
function failOnLeftovers() {
  if (pending.size > 0) return;
  const resources = process.getActiveResourcesInfo().join(", ");
  console.error(`Still open after the last test: ${resources}`);
  process.exit(1);
}

function definition(args: TestArgs): Definition & { name: string } {
  const given: (string | Body | Options | Definition)[] = args;
  const options: Options = given.find((arg) => typeof arg === "object") ?? {};
  const fn = given.find((arg) => typeof arg === "function") ??
    (options as Definition).fn;
  const name = given.find((arg) => typeof arg === "string") ?? options.name;
  return { ...options, fn, name: name ?? fn.name };
}

/** The part of `Deno` that tests use. */
export const Deno = {
  test: Object.assign(define, {
    ignore: (...args: TestArgs) => define({ ...definition(args), ignore: true }),
    only: define,
  }),
};
