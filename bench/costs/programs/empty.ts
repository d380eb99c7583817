/** Prints when it began, and does nothing else: shows what the runtime itself takes to start. */

import process from "node:process";

const atMs = performance.timeOrigin + performance.now();
process.stdout.write(JSON.stringify([atMs]));
