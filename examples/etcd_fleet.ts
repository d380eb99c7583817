/** A fleet with a real etcd, for the demo and its test. */

import { EtcdDiscovery } from "@geerpc/xclient/etcd";
import { EtcdCluster } from "../tests/support/etcd.ts";
import { type Story, tellStory } from "./fleet_story.ts";
import { ServerProcess } from "./server_process.ts";

/** As in `etcd_server.ts`. */
const LEASE_MS = 2000;
/** etcd looks for leases that have ended twice a second, and ends them through its log. */
const ETCD_MS = 1000;
/** An etcd that has been started gives each lease its whole time anew, and an election more. */
const RESTART_MS = 1500;

/** Starts etcd, lets it all happen, and leaves nothing behind. */
export async function runEtcdFleet(
  options: { outageMs: number; show: (line: string) => void },
): Promise<Story> {
  const etcd = await EtcdCluster.start();
  const { endpoints } = etcd;
  const servers: ServerProcess[] = [];
  const discovery = new EtcdDiscovery("nodes/", { endpoints });
  try {
    return await tellStory({
      discovery,
      goneMs: LEASE_MS + ETCD_MS,
      goneAfterOutageMs: LEASE_MS + ETCD_MS + RESTART_MS,
      start(name) {
        const program = `${import.meta.dirname}/etcd_server.ts`;
        const server = new ServerProcess(name, program, [endpoints.join()]);
        servers.push(server);
        return server.ready();
      },
      registered: async (server) => void await server.heard("registered"),
      leave: (server) => server.stop(),
      lost: () => Promise.resolve(), // its lease will end
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
