/** Does nothing but say when it began: what the runtime needs for any program. */

import process from "node:process";

const atMs = performance.timeOrigin + performance.now();
process.stdout.write(JSON.stringify([atMs]));
