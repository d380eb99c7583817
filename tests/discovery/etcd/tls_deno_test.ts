/** A real etcd that clients reach by TLS only, with a certificate of an authority of our own. */

import { assertEquals } from "@std/assert";
import { EtcdDiscovery, EtcdRegistration } from "../../../etcd.ts";
import { EtcdCluster, isEtcdMissing } from "../../support/etcd.ts";
import { assertFails } from "../../support/helpers.ts";
import { until } from "../../support/processes.ts";
import { fixture } from "../../support/transports.ts";

const A = "tcp@10.0.0.1:9001";

Deno.test({
  name: "etcd (real): TLS, with a certificate that is handed in",
  ignore: isEtcdMissing,
  fn: async () => {
    const etcd = await EtcdCluster.start({ tls: true });
    const [endpoints] = etcd.endpoints;
    try {
      using client = Deno.createHttpClient({ caCerts: [fixture("ca.pem")] });
      const options = {
        endpoints,
        fetch: (url: string, init: RequestInit) => fetch(url, { ...init, client }),
      };
      const registration = new EtcdRegistration("arith/", A, options);
      await registration.ready;
      const discovery = new EtcdDiscovery("arith/", options);
      assertEquals(await discovery.getAll(), [A]);
      await registration.close();
      await until("the watch has reported the end", () => discovery.staleMs > 0);
      assertEquals(await discovery.getAll(), [A]);
      await discovery.close();

      const stranger = new EtcdDiscovery("arith/", { endpoints });
      await assertFails(stranger.refresh(), {
        code: "unavailable",
        address: endpoints,
        message: /certificate.*option fetch/i,
      });
      await stranger.close();
      const refused = new EtcdRegistration("arith/", A, { endpoints });
      await assertFails(refused.ready, { code: "unavailable", message: /certificate/i });
      await refused.close();
    } finally {
      await etcd.stop();
    }
  },
});
