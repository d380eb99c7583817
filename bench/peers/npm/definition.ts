/// <reference types="./packages.d.ts" />
/** The service of `arith.proto`, for gRPC and for Connect. */

import { fileURLToPath } from "node:url";
import { loadSync } from "@grpc/proto-loader";

/** The messages and the service, by name. */
export const definition = loadSync(fileURLToPath(new URL("arith.proto", import.meta.url)));
