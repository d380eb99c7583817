/// <reference types="./packages.d.ts" />
/** The service in `arith.proto`, for gRPC and for Connect. */

import { fileURLToPath } from "node:url";
import { loadSync } from "@grpc/proto-loader";

/** Its messages and the service itself, by name. */
export const definition = loadSync(fileURLToPath(new URL("arith.proto", import.meta.url)));
