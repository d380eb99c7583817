/**
 * What is said of a failure, and how the command ends for it.
 *
 * @module
 */

import { codeOf, errorText, RpcError, TimeoutError } from "../errors.ts";
import { EXIT } from "./command.ts";
import { plain, type Style } from "./style.ts";

/**
 * How the command ends for a failed call.
 *
 * @param error What it failed with.
 * @returns One of {@linkcode EXIT}.
 */
export function exitOf(error: unknown): number {
  if (error instanceof TimeoutError) return EXIT.timeout;
  if (!(error instanceof RpcError)) return EXIT.failed;
  if (error.code === "deadline_exceeded") return EXIT.timeout;
  // An address that is none: no call has come so far as to have a method.
  if (error.code === "invalid_argument" && error.serviceMethod === undefined) return EXIT.usage;
  return isUnreachable(error) ? EXIT.unreachable : EXIT.failed;
}

/** Whether nobody could be reached: no attempt came further than the dial. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof RpcError) || error.code !== "unavailable") return false;
  if (error.attempts.length > 0) return error.attempts.every(({ phase }) => phase !== "call");
  return error.execution === "not_sent";
}

/**
 * A failure in lines: what, where, whether the call ran, and what to do next.
 *
 * @param error What was thrown.
 * @param style For a terminal.
 */
export function failureText(error: unknown, style: Style): string {
  const lines = [`${style.red(`error: ${codeOf(error)}`)}: ${plain(errorText(error))}`];
  if (error instanceof RpcError) {
    const { address, execution, attempts } = error;
    if (address !== undefined && !error.message.includes(address)) lines.push(`  at ${address}`);
    const tried = attempts.map(({ address, phase, error }) => {
      const why = error === undefined ? "given up" : plain(errorText(error));
      return style.dim(`  ${address} (${phase}): ${why}`);
    });
    const different = new Set(tried); // several attempts may have failed alike
    if (different.size > 1) lines.push(...different);
    if (error.serviceMethod !== undefined) lines.push(`  the call ${RAN[execution]}`);
  }
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`  ${style.cyan("next:")} ${hint}`);
  return lines.map((line) => `${line}\n`).join("");
}

const RAN = {
  not_sent: "was not sent: it did not run",
  rejected: "was rejected: it did not run",
  unknown: "may have run",
  answered: "ran, and this is its answer",
} as const;

const OTHER_PROTOCOL = "is it the right protocol? --protocol chooses another one";

function hintOf(error: unknown): string | undefined {
  if (error instanceof RpcError && error.message.includes("its protocol may be another")) {
    return OTHER_PROTOCOL;
  }
  switch (codeOf(error)) {
    case "unimplemented":
      return "`xclient describe ADDRESS` shows what the server offers";
    case "unauthenticated":
      return "send a token: --token @FILE, or a certificate: --tls-cert and --tls-key";
    case "permission_denied":
      return "the server knows who calls, and that caller may not do this";
    case "deadline_exceeded":
      return "give it more time with --timeout; `xclient ping ADDRESS` shows whether it answers";
    case "data_loss":
      return OTHER_PROTOCOL;
    case "unavailable":
      return isUnreachable(error)
        ? "is the server running, and is this its address? `xclient ping ADDRESS` tries again"
        : "it may be restarting: try again, or --idempotent if the call may run twice";
    case "resource_exhausted":
      return "the server is busy: try again later";
    default:
      return undefined;
  }
}
