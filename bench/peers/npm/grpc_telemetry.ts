/**
 * gRPC with OpenTelemetry's instrumentation, to compare with: `grpc_telemetry.ts
 * serve RECORDING`, `grpc_telemetry.ts call RECORDING PORT`.
 */

// deno-lint-ignore no-import-prefix -- in deno.json all users would load it
import { GrpcInstrumentation } from "npm:@opentelemetry/instrumentation-grpc@0.223.0";
import { createRequire } from "node:module";
import process from "node:process";
import { type Recording, SHARES, startSdk } from "../otel.ts";

const [command, recording, ...rest] = process.argv.slice(2);
const share = SHARES[recording as Recording];
if (share !== undefined) startSdk(share);
if (recording !== "off") {
  new GrpcInstrumentation().enable();
  // It sees what is required, not what is imported.
  createRequire(import.meta.url)("@grpc/grpc-js");
}
process.argv = [...process.argv.slice(0, 2), command, ...rest];
await import("./grpc.ts");
