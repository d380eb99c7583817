/** A fleet with a real etcd, for the demo and its test. */

import { EtcdDiscovery } from "@geerpc/xclient/etcd";
import { EtcdCluster } from "../tests/support/etcd.ts";
import { runScenario, type ScenarioOutcome } from "./fleet_scenario.ts";
import { ServerProcess } from "./server_process.ts";

/** Starts etcd, runs the scenario, and leaves nothing behind. */
export async function runEtcdFleet(
  options: { outageMs: number; show: (line: string) => void },
): Promise<ScenarioOutcome> {
  const etcd = await EtcdCluster.start();
  const { endpoints } = etcd;
  const servers: ServerProcess[] = [];
  const discovery = new EtcdDiscovery("nodes/", { endpoints });
  try {
    return await runScenario({
      discovery,
      start(name) {
        const program = `${import.meta.dirname}/etcd_server.ts`;
        const server = new ServerProcess(name, program, [endpoints.join()]);
        servers.push(server);
        return server.ready();
      },
      registered: async (server) => void await server.event("registered"),
      leave: (server) => server.stop(),
      lost: () => Promise.resolve(), // its lease will expire
      fail: () => etcd.kill(),
      recover() {
        etcd.run();
        return etcd.answers();
      },
    }, options);
  } finally {
    await discovery.close();
    await Promise.all(servers.map((server) => server.kill()));
    await etcd.stop();
  }
}
