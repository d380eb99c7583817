/**
 * Draws plans: everything that may happen, in every mixture. This file is one
 * draw, part by part.
 *
 * @module
 */

import { SelectMode } from "../../selector.ts";
import { Dice } from "./dice.ts";
import { drawStreams } from "./draw_streams.ts";
import { AT_POINTS } from "./fault_points.ts";
import type {
  ArgumentKind,
  CallStep,
  ClientPlan,
  FaultPoint,
  Feature,
  Plan,
  PlanProtocol,
  PointStep,
  ServerPlan,
  Step,
} from "./plan.ts";

/** What plans are to be like. */
export interface DrawOptions {
  /** What plans have not got. */
  readonly without: ReadonlySet<Feature>;
  /** The protocols that servers speak. */
  readonly protocols: readonly PlanProtocol[];
  /** Which of the methods that may be called may run twice. */
  readonly idempotent: readonly (boolean | undefined)[];
}

const MODES: readonly string[] = Object.values(SelectMode);
const FAIL_MODES = ["failover", "failover", "failbackup", "failfast", "failtry"];
const ERRORS = ["rejected", "internal", "unavailable", "not_found"] as const;
/** Longer than any caller waits, and less than everything is given to end. */
const HANGS_MS = 5_000;
const STRANGE: readonly ArgumentKind[] = ["aborts", "throws", "calls", "closes"];

/**
 * Draws a plan.
 *
 * @param seed Equal seeds give equal plans.
 * @param options What plans are to be like.
 */
export function drawPlan(seed: number, options: DrawOptions): Plan {
  const dice = new Dice(seed);
  const has = (feature: Feature) => !options.without.has(feature);
  const maxMessageBytes = 4096;
  const servers = Array.from({ length: dice.one([1, 2, 2, 3, 3, 4, 5, 8]) }, (_, place) => {
    const server: Writable<ServerPlan> = {
      name: `s${place + 1}`,
      protocol: dice.chance(0.5) ? options.protocols[0] : dice.one(options.protocols),
    };
    if (dice.chance(0.2)) server.weight = dice.one([0.5, 2, 5]);
    if (dice.chance(0.15)) server.maxInFlight = dice.whole(1, 3);
    if (place > 0 && has("lists") && dice.chance(0.15)) server.listed = false;
    return server;
  });
  const clients = Array.from(
    { length: dice.one([1, 1, 2, 3]) },
    (_, place) => drawClient(dice, `c${place + 1}`, servers, has),
  );
  const lengthMs = dice.one([50, 500, 3000, 15_000]);
  const certainty = new Dice(Math.imul(seed, 0x9e3779b1)); // of its own: plans are as they were before
  for (const server of servers) {
    if (has("certain") && certainty.chance(0.1)) server.keepAnswersMs = certainty.one([1, 50, 700]);
    if (has("certain") && certainty.chance(0.1)) {
      server.keepAnswersBytes = certainty.one([2500, 5000]);
    }
  }
  const steps: Step[] = [];
  const calls = dice.whole(3, 30);
  // Calls that come together, one after another, or spread over the time.
  let burstAtMs = 0;
  for (let id = 1; id <= calls; id++) {
    if (!dice.chance(0.4)) burstAtMs = dice.whole(0, lengthMs);
    const call = drawCall(dice, id, burstAtMs, { ...options, servers, clients, maxMessageBytes });
    if (has("certain") && certainty.chance(0.4)) call.certain = true;
    steps.push(call);
  }
  if (has("floods") && dice.chance(0.1)) {
    // Large calls that wait behind one that hangs, until all are given up.
    const [client, atMs] = [dice.one(clients).name, dice.whole(0, lengthMs)];
    const flood = { argument: "at_limit", length: maxMessageBytes - 600, key: "flood" } as const;
    for (let id = calls + 1; id <= calls + 10; id++) {
      const what = { atMs, do: "call", id, client, kind: "call", method: 0 } as const;
      steps.push({ ...what, ...flood, workMs: HANGS_MS, abortAfterMs: 50 });
    }
  }
  const troubles = dice.whole(0, 8);
  for (let count = 0; count < troubles; count++) {
    steps.push(...drawTrouble(dice, lengthMs, servers, has));
  }
  if (dice.chance(0.25)) {
    const client = dice.one(clients).name;
    const atMs = dice.whole(0, lengthMs);
    const graceMs = dice.one([0, 0, 20, 300, 2000]);
    steps.push({ atMs, do: "close", client, graceMs });
    if (graceMs > 0 && has("hurried_close") && dice.chance(0.3)) {
      steps.push({ atMs: atMs + dice.whole(0, graceMs), do: "close", client, graceMs: 0 });
    }
  }
  steps.sort((one, other) => one.atMs - other.atMs);
  const plan: Writable<Plan> = {
    seed,
    delayMs: dice.one([0, 0, 1, 5, 40]),
    maxMessageBytes,
    servers,
    clients,
    steps,
  };
  if (dice.chance(0.15)) plan.chunkBytes = dice.one([100, 700, 1500]);
  if (has("bad_entries") && dice.chance(0.1)) {
    plan.badEntry = dice.one(["memory@bad?protocol=grpc", "tcp@127.0.0.1:1"]);
  }
  if (has("fault_points") && dice.chance(0.4)) {
    for (let count = dice.whole(1, 4); count > 0; count--) steps.push(drawPoint(dice, lengthMs));
    steps.sort((one, other) => one.atMs - other.atMs);
  }
  if (has("streams")) {
    const hasDrains = has("drains");
    // Chance of their own: what a plan was without streams it is with them, too.
    steps.push(...drawStreams(new Dice(~seed), { clients, servers, lengthMs, hasDrains }));
    steps.sort((one, other) => one.atMs - other.atMs);
  }
  // Last, so that the rest of a seed's plan stays what it was.
  if (dice.chance(0.3)) {
    for (const one of [...servers, ...clients]) {
      if (dice.chance(0.8)) one.zone = dice.one(["a", "b"]);
    }
  }
  for (const client of clients) {
    if (dice.chance(0.3)) client.slowStartMs = dice.one([200, 5000]);
  }
  return plan;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function drawClient(
  dice: Dice,
  name: string,
  servers: readonly ServerPlan[],
  has: (feature: Feature) => boolean,
): Writable<ClientPlan> {
  const client: Writable<ClientPlan> = {
    name,
    mode: dice.one(MODES),
    failMode: dice.one(FAIL_MODES),
    discovery: dice.one(["current", "watch", "watch", "ask"] as const),
  };
  if (dice.chance(0.12)) client.direct = dice.one(servers).name;
  if (dice.chance(0.3)) client.maxAttempts = dice.one([1, 2, 5]);
  if (dice.chance(0.35)) {
    client.retryBudget = { ratio: dice.one([0, 0.1, 0.5]), perSecond: dice.one([0, 1, 3]) };
  }
  if (dice.chance(0.5)) {
    client.hedgeBudget = { ratio: dice.one([0, 0.1, 1]), perSecond: dice.one([0, 0, 1, 10]) };
  }
  if (dice.chance(0.6)) {
    const [failuresInARow, ejectionMs] = [dice.whole(1, 3), dice.one([100, 500, 2000])];
    client.health = { failuresInARow, ejectionMs };
  }
  if (client.mode === SelectMode.ConsistentHash && dice.chance(0.5)) client.boundedLoad = 1.25;
  if (dice.chance(0.1)) client.maxInFlight = dice.whole(1, 3);
  if (dice.chance(0.1)) client.handleTimeoutMs = dice.one([20, 500]);
  if (dice.chance(0.2)) client.connectTimeoutMs = dice.one([50, 700, 2000]);
  if (dice.chance(0.2)) {
    const [silenceMs, pongMs] = [dice.one([50, 400]), dice.one([20, 300])];
    client.liveness = { silenceMs, pongMs, deadMs: silenceMs + pongMs + dice.one([100, 3000]) };
  }
  if (has("close_in_event") && dice.chance(0.15)) {
    client.closeOnEvent = dice.one(["left", "left", "connected", "disconnected", "ejected"]);
  }
  return client;
}

function drawCall(
  dice: Dice,
  id: number,
  atMs: number,
  { servers, clients, maxMessageBytes, idempotent, without }: DrawOptions & {
    servers: readonly ServerPlan[];
    clients: readonly ClientPlan[];
    maxMessageBytes: number;
  },
): Writable<CallStep> {
  const client = dice.one(clients);
  const kind = client.direct !== undefined || dice.chance(0.75)
    ? "call"
    : dice.one(["broadcast", "fork", "inform"] as const);
  const call: Writable<CallStep> = {
    atMs,
    do: "call",
    id,
    client: client.name,
    kind,
    method: dice.whole(0, idempotent.length - 1),
    workMs: dice.one([0, 0, 1, 5, 30, 200, 1500]),
  };
  const failMode = dice.chance(0.15) ? dice.one(FAIL_MODES) : undefined;
  if (idempotent[call.method] ?? dice.chance(0.4)) call.idempotent = true;
  if (dice.chance(0.1)) call.stubborn = true;
  if (client.mode === SelectMode.ConsistentHash) call.key = `key ${dice.whole(1, 5)}`;
  const isFanOut = kind !== "call";
  if (!isFanOut && !without.has("hung_handlers") && dice.chance(0.15)) {
    call.workMs = HANGS_MS;
    delete call.stubborn;
    call.timeoutMs = dice.one([10, 100, 600]);
  } else if (dice.chance(0.5) && (!isFanOut || !without.has("fan_out_timeout"))) {
    call.timeoutMs = dice.one([1, 10, 100, 600, 2000, 1500.5]);
  }
  if (dice.chance(0.15)) call.abortAfterMs = dice.one([0, 0, 1, 5, 50, 400, 700]);
  if (dice.chance(0.1)) {
    if (!without.has("limits") && dice.chance(0.5)) {
      call.argument = "at_limit";
      call.length = maxMessageBytes - dice.whole(0, 150);
    } else if (!without.has("strange_arguments")) {
      call.argument = dice.one(STRANGE);
    }
  }
  if (!isFanOut) {
    if (failMode !== undefined) call.failMode = failMode;
    if (dice.chance(0.1)) call.maxAttempts = dice.whole(1, 4);
    if (dice.chance(0.5)) call.hedgeAfterMs = dice.one([0, 2, 20, 100]);
    return call;
  }
  if (dice.chance(0.3)) call.quorum = dice.whole(1, servers.length);
  if (dice.chance(0.3)) call.concurrency = dice.whole(1, servers.length);
  if (dice.chance(0.2) && !without.has("fan_out_timeout")) {
    call.serverTimeoutMs = dice.one([20, 200, 1000]);
  }
  if (kind === "inform" && dice.chance(0.3)) call.breakAfter = dice.whole(1, servers.length);
  return call;
}

/** Something in the library's own code. */
function drawPoint(dice: Dice, lengthMs: number): Step {
  const point = dice.one(Object.keys(AT_POINTS) as FaultPoint[]);
  const step: Writable<PointStep> = {
    atMs: dice.chance(0.3) ? 0 : dice.whole(0, lengthMs),
    do: "point",
    point,
    times: dice.one([1, 1, 2, 10]),
  };
  const fails = AT_POINTS[point] === "throws" || AT_POINTS[point] === "both" && dice.chance(0.3);
  if (!fails) step.waitMs = dice.one([0, 0, 1, 20, 300]);
  return step;
}

/** Something that goes wrong, and often its end. */
function drawTrouble(
  dice: Dice,
  lengthMs: number,
  servers: readonly ServerPlan[],
  has: (feature: Feature) => boolean,
): Step[] {
  const atMs = dice.whole(0, lengthMs);
  const forMs = dice.whole(1, dice.one([20, lengthMs, 12_000]));
  const server = dice.one(servers).name;
  switch (dice.whole(0, 11)) {
    case 0:
    case 1:
    case 2: {
      const fault = dice.one([
        { delayMs: dice.one([3, 60, 900]) },
        { refuse: true },
        { unroutable: true },
        { silent: true },
        { slow: dice.one([3, 10]) },
        { error: dice.one(ERRORS) },
        { error: dice.one(ERRORS) },
      ]);
      const hit = dice.chance(0.3) ? dice.some(servers, 0.7) : [{ name: server }];
      return hit.flatMap(({ name }): Step[] => [
        { atMs, do: "fault", server: name, ...fault },
        ...dice.chance(0.7) ? [{ atMs: atMs + forMs, do: "fault" as const, server: name }] : [],
      ]);
    }
    case 3:
      return [{ atMs, do: "stall", server, forMs }];
    case 4: {
      if (dice.chance(0.6)) return [{ atMs, do: "cut", server }];
      const { protocol } = servers.find(({ name }) => name === server)!;
      return has("forgotten") && (protocol !== "geerpc/gob" || has("silent_gob"))
        ? [{ atMs, do: "forget", server, forGood: true }]
        : [{ atMs, do: "forget", server }];
    }
    case 5:
      return [{ atMs, do: "crash", server, forMs }];
    case 6:
    case 7:
      if (!has("drains")) return [];
      return [{ atMs, do: "drain", server, graceMs: dice.one([0, 10, 300, 5000]), forMs }];
    case 8:
    case 9: {
      if (!has("lists")) return [];
      const names = servers.map(({ name }) => name);
      const steps: Step[] = [{ atMs, do: "list", servers: dice.some(names, 0.6) }];
      // Flapping: back and forth, sometimes within the same turn.
      for (let count = dice.whole(0, 3); count > 0; count--) {
        const laterMs = atMs + dice.one([0, 1, forMs]);
        steps.push({ atMs: laterMs, do: "list", servers: dice.some(names, 0.7) });
      }
      return steps;
    }
    case 10: {
      const state = dice.one(["fails", "empty", "slow"] as const);
      return [
        { atMs, do: "discovery", state },
        { atMs: atMs + forMs, do: "discovery", state: "fine" },
      ];
    }
    default:
      return has("jumps") ? [{ atMs, do: "jump", forMs: Math.min(forMs, 3000) }] : [];
  }
}
