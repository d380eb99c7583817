/**
 * Makes a plan that fails smaller, as long as it fails in the same way.
 *
 * @module
 */

import type { Plan, Step } from "./plan.ts";

/** Fields without which a step is none. */
const NEEDED: ReadonlySet<string> = new Set([
  "atMs",
  "do",
  "id",
  "client",
  "kind",
  "items",
  "method",
  "workMs",
  "server",
  "servers",
  "state",
  "forMs",
  "graceMs",
  "name",
  "protocol",
  "mode",
  "failMode",
  "discovery",
  "point",
  "times",
]);

/** No handler takes so long that is to end by itself. */
const HANGS_MS = 4_000;

/**
 * Looks for the smallest plan that still fails.
 *
 * @param plan One that fails.
 * @param fails Whether a plan fails in the same way.
 * @param mostRuns How many plans may be tried.
 * @returns The smallest that was found: the last that failed.
 */
export async function shrink(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  mostRuns = 2000,
): Promise<Plan> {
  let smallest = plan;
  let runs = 0;
  const accept = async (candidate: Plan): Promise<boolean> => {
    if (runs >= mostRuns || JSON.stringify(candidate) === JSON.stringify(smallest)) return false;
    runs++;
    if (!await fails(candidate)) return false;
    smallest = candidate;
    return true;
  };
  for (let isSmaller = true; isSmaller && runs < mostRuns;) {
    isSmaller = false;
    isSmaller = await dropSteps(() => smallest, accept) || isSmaller;
    for (const key of ["clients", "servers"] as const) {
      for (let place = smallest[key].length - 1; place >= 0 && smallest[key].length > 1; place--) {
        const kept = smallest[key].filter((_, other) => other !== place);
        isSmaller = await accept({ ...smallest, [key]: kept }) || isSmaller;
      }
    }
    for (const simpler of simplifications) {
      for (const candidate of simpler(smallest)) {
        isSmaller = await accept(candidate(smallest)) || isSmaller;
      }
    }
  }
  return smallest;
}

/** Halves first, then quarters, down to single steps. */
async function dropSteps(
  current: () => Plan,
  accept: (plan: Plan) => Promise<boolean>,
): Promise<boolean> {
  let hasDropped = false;
  for (let size = Math.ceil(current().steps.length / 2); size >= 1; size = size >> 1) {
    for (let from = 0; from < current().steps.length;) {
      const { steps } = current();
      const kept = [...steps.slice(0, from), ...steps.slice(from + size)];
      if (await accept({ ...current(), steps: kept })) hasDropped = true;
      else from += size;
    }
  }
  return hasDropped;
}

/** A change of the smallest plan as it is by then. */
type Change = (plan: Plan) => Plan;

/** Changes that make a plan simpler, each tried on its own. */
const simplifications: readonly ((plan: Plan) => Change[])[] = [
  // The whole of it.
  () => [
    ({ chunkBytes: _, ...plan }) => plan,
    (plan) => ({ ...plan, delayMs: 0 }),
    (plan) => withSteps(plan, (step) => ({ ...step, atMs: 0 })),
    (plan) => withSteps(plan, (step) => ({ ...step, atMs: Math.floor(step.atMs / 2) })),
  ],
  // What a client, a server or a step need not say.
  (plan) =>
    (["clients", "servers", "steps"] as const).flatMap((key) =>
      plan[key].flatMap((part, place) =>
        Object.keys(part).filter((name) => !isNeeded(part, name)).map((name): Change => (now) => ({
          ...now,
          [key]: (now[key] as readonly object[]).map((other, at) =>
            at === place ? without(other, name) : other
          ),
        }))
      )
    ),
  // Usual protocols and policies.
  (plan) => [
    ...plan.servers.map((_, place): Change => (now) => ({
      ...now,
      servers: replaced(now.servers, place, { protocol: "geerpc/json" as const }),
    })),
    ...plan.clients.flatMap((_, place): Change[] => [
      (now) => ({
        ...now,
        clients: replaced(now.clients, place, { mode: "round_robin" }),
      }),
      (now) => ({ ...now, clients: replaced(now.clients, place, { failMode: "failover" }) }),
      (now) => ({
        ...now,
        clients: replaced(now.clients, place, { discovery: "current" as const }),
      }),
    ]),
  ],
  // Smaller times, and less often.
  (plan) =>
    plan.steps.flatMap((step, place) =>
      Object.keys(step).filter((name) => /Ms$|^times$/.test(name)).flatMap((name) =>
        [0, 0.25, 0.5].map((share): Change => (now) => {
          const value = (now.steps[place] as unknown as Record<string, unknown>)[name];
          if (typeof value !== "number") return now;
          const least = name === "atMs" || name === "workMs" ? 0 : 1;
          const less = Math.max(least, Math.floor(value * share));
          const change = { [name]: Math.min(less, value) } as Partial<Step>;
          return { ...now, steps: sorted(replaced(now.steps, place, change)) };
        })
      )
    ),
];

/** A handler that hangs is given up by its caller, or nothing would be wrong with that. */
function isNeeded(part: object, name: string): boolean {
  const hangs = "workMs" in part && Number(part.workMs) > HANGS_MS;
  return NEEDED.has(name) || hangs && (name === "timeoutMs" || name === "abortAfterMs");
}

function without(object: object, name: string): object {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}

function replaced<T>(some: readonly T[], place: number, change: Partial<T>): T[] {
  return some.map((one, at) => at === place ? { ...one, ...change } : one);
}

function withSteps(plan: Plan, change: (step: Step) => Step): Plan {
  return { ...plan, steps: sorted(plan.steps.map(change)) };
}

/** In order of time; what is at the same time keeps its order. */
function sorted(steps: readonly Step[]): Step[] {
  return [...steps].sort((one, other) => one.atMs - other.atMs);
}
