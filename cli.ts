/**
 * The command `xclient`: a fleet of RPC servers in your hands. It is a program and exports nothing:
 * it runs when it is loaded. `docs/command.md` is its guide.
 *
 * ```sh
 * deno run -A jsr:@geerpc/xclient/cli call tcp@127.0.0.1:9001 Arith.Sum '{"A": 1, "B": 2}'
 * npx @geerpc/xclient top --registry http://127.0.0.1:9999
 * ```
 *
 * @module
 */

import process from "node:process";
import { main } from "./cli/main.ts";
import { systemSurroundings } from "./cli/system.ts";

main(process.argv.slice(2), systemSurroundings()).then((code) => process.exitCode = code);
