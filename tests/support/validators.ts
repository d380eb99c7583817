/** The libraries of schemas that tests use, each in one version. */

export { type } from "npm:arktype@2.2.9";
export * as v from "npm:valibot@1.5.0";
export { z } from "npm:zod@4.6.7";
