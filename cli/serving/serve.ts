/**
 * `serve FILE`: serves what a module exports.
 *
 * @module
 */

import { errorText } from "../../errors.ts";
import { type IntrospectionMode, Server } from "../../server.ts";
import { type Command, UsageError } from "../command.ts";
import { LISTEN_OPTIONS, serveUntilInterrupted } from "./listen.ts";

/** Serves a module. */
export const serve: Command = {
  name: "serve",
  summary: "serve what a module exports",
  usage: "FILE",
  text:
    "Exported objects and classes are services of that name; exported functions are the methods " +
    "of one that is called as the file, or as --name says: arith.ts has Arith.Sum. A method gets " +
    "the argument and a context. It runs until Ctrl-C.",
  examples: [
    "serve arith.ts",
    "serve arith.ts --listen :9001 --listen :9002 --register http://127.0.0.1:9999",
  ],
  options: {
    name: { value: "NAME", text: "the name of the service that exported functions make" },
    ...LISTEN_OPTIONS,
  },
  async run(input, around) {
    const [path, ...more] = input.words;
    if (path === undefined) throw new UsageError("no file: name a module, as arith.ts");
    if (more.length > 0) throw new UsageError("one file at a time");
    const server = new Server({
      clock: around.clock,
      latencies: true,
      introspection: (input.text("introspection") ?? "loopback") as IntrospectionMode,
    });
    let exported: Record<string, unknown>;
    try {
      exported = await around.files.load(path);
    } catch (error) {
      throw new UsageError(`${path} can't be loaded: ${errorText(error)}`);
    }
    for (const [name, service] of servicesOf(exported, input.text("name") ?? nameOf(path))) {
      server.register(name, service);
    }
    return await serveUntilInterrupted(server, path, input, around);
  },
};

/**
 * The services of a module.
 *
 * @param exported What it exports.
 * @param name The name of the service that single functions make.
 * @throws {UsageError} If there are none.
 */
export function servicesOf(
  exported: Readonly<Record<string, unknown>>,
  name: string,
): Map<string, object> {
  const services = new Map<string, object>();
  const functions: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(exported)) {
    const service = key === "default" ? name : key;
    if (typeof value === "function") {
      if (isClass(value)) services.set(service, new value());
      else functions[key === "default" ? value.name || "Default" : key] = value;
    } else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      if (hasMethods(value)) services.set(service, value);
    }
  }
  if (Object.keys(functions).length > 0) {
    if (services.has(name)) {
      throw new UsageError(`there is a service ${name}: --name gives the functions another one`);
    }
    services.set(name, functions);
  }
  if (services.size === 0) {
    throw new UsageError("the module exports no function, no object of functions and no class");
  }
  return services;
}

function isClass(value: unknown): value is new () => object {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/** Whether an object could be a service: settings that are exported as well are none. */
function hasMethods(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return true;
  return Object.values(value).some((one) => typeof one === "function");
}

/** `lib/arith_v2.ts` is `ArithV2`. */
function nameOf(path: string): string {
  const file = path.replace(/^.*[/\\]/, "").replace(/\..*$/, "");
  const name = file.replace(
    /(?:^|[^A-Za-z0-9]+)([A-Za-z0-9]?)/g,
    (_, letter) => letter.toUpperCase(),
  );
  return name || "Service";
}
