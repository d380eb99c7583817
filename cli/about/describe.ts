/**
 * `list` and `describe`: what servers offer.
 *
 * @module
 */

import { introspect } from "../../connection/introspection/view.ts";
import { errorText, RpcError } from "../../errors.ts";
import type { Command, Input } from "../command.ts";
import { FLEET_OPTIONS } from "../connect.ts";
import { failureText } from "../failures.ts";
import { duration, plain, type Style, styleOf, table } from "../style.ts";
import type { Surroundings } from "../surroundings.ts";
import { type ListedService, readDebugPage } from "./debug_page.ts";
import { askEach, type Asking, exitOfAll, JSON_OPTION, outcomesJson } from "./each.ts";

/** What a server is, as far as it tells. */
export interface About {
  /** Who has told it: the server itself, or a page. */
  readonly by: string;
  readonly version?: string;
  readonly instance?: string;
  readonly uptimeMs?: number;
  readonly status?: string;
  readonly services: readonly (ListedService & { readonly status?: string })[];
}

const TEXT = "Servers of this library describe themselves, by default to their own machine only. " +
  "Those in Go do on their debug page, /debug/rpc or /debug/geerpc, if they have HTTP at the same port.";

/** Lists the methods. */
export const list: Command = {
  name: "list",
  summary: "list the services and methods of servers",
  usage: "[ADDRESS…]",
  text: TEXT,
  examples: ["list tcp@127.0.0.1:9001", "list http@127.0.0.1:1234 --protocol netrpc/gob"],
  options: { ...FLEET_OPTIONS, ...JSON_OPTION },
  run: (input, around) =>
    run(input, around, ({ services }) => {
      const methods = services.flatMap(({ name, methods }) =>
        methods.map((method) => `${name}.${method.name}`)
      );
      return methods.map((method) => `  ${plain(method)}\n`).join("");
    }),
};

/** Describes servers. */
export const describe: Command = {
  name: "describe",
  summary: "describe servers: services, methods, types, version, uptime",
  usage: "[ADDRESS…]",
  text: `${TEXT} Types are shown as Go writes them, and --types of call reads them.`,
  examples: ["describe tcp@127.0.0.1:9001", "describe --registry http://127.0.0.1:9999 --json"],
  options: { ...FLEET_OPTIONS, ...JSON_OPTION },
  run: (input, around) => run(input, around, described),
};

async function run(
  input: Input,
  around: Surroundings,
  show: (about: About, style: Style) => string,
): Promise<number> {
  const { terminal } = around;
  const style = styleOf(terminal.hasColours);
  const outcomes = await askEach(input, around, (asking) => {
    return askAbout(asking, input.text("protocol"), around);
  });
  if (input.has("json")) {
    terminal.write(outcomesJson(outcomes));
  } else {
    for (const outcome of outcomes) {
      if (outcome.ok) {
        terminal.write(`${style.bold(plain(outcome.address))}\n${show(outcome.value, style)}`);
      } else terminal.writeError(failureText(outcome.error, style));
    }
  }
  return exitOfAll(outcomes);
}

/** Asks the server itself and, if it does not know the question, its debug page. */
export async function askAbout(
  { address, connect }: Asking,
  protocol: string | undefined,
  around: Surroundings,
): Promise<About> {
  let refused: unknown;
  try {
    const { services, ...rest } = await introspect(await connect()).describe();
    return { by: "itself", ...rest, services };
  } catch (error) {
    if (!(error instanceof RpcError) || error.execution === "not_sent") throw error;
    refused = error;
  }
  try {
    const { url, services } = await readDebugPage(address, protocol, around);
    return { by: url, services };
  } catch (error) {
    throw new RpcError(
      "unimplemented",
      `${address} does not describe itself to us (${errorText(refused)}), and ${
        errorText(error)
      }; ` +
        'a server of this library tells other machines with the option introspection: "everyone", ' +
        "one in Go where it calls HandleHTTP: give its address as http@host:port",
      { address, execution: "answered" },
    );
  }
}

function described(about: About, style: Style): string {
  const { by, version, instance, uptimeMs, status, services } = about;
  const facts = version === undefined
    ? `told by ${by}`
    : `version ${version}, up ${duration(uptimeMs!)}, ${status}, instance ${instance}`;
  let text = `  ${style.dim(plain(facts))}\n`;
  for (const service of services) {
    const state = service.status === "not_serving" ? style.yellow(" (not serving)") : "";
    text += `  ${style.cyan(plain(service.name))}${state}\n`;
    const rows = service.methods.map(({ name, args, reply, calls }) => {
      const types = args === "" && reply === "" ? "" : `${args || "?"} -> ${reply || "?"}`;
      return [`    ${name}`, types, calls === undefined ? "" : `${calls} calls`];
    });
    text += table(["", "", ""], rows, style).replace(/^\n/, "");
  }
  return text;
}
