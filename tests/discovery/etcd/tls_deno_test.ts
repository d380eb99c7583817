/** A real etcd that clients reach by TLS only, with a certificate of its own. */

import { assertEquals } from "@std/assert";
import { EtcdDiscovery, EtcdRegistration } from "../../../etcd.ts";
import { EtcdCluster, isEtcdMissing } from "../../support/etcd.ts";
import { assertFails } from "../../support/helpers.ts";
import { until } from "../../support/processes.ts";

const A = "tcp@10.0.0.1:9001";

Deno.test({
  name: "etcd (real): TLS, with a certificate that is handed in",
  ignore: isEtcdMissing,
  fn: async () => {
    const etcd = await EtcdCluster.start({ tls: true });
    const [endpoints] = etcd.endpoints;
    try {
      let cert = "";
      await until("etcd has made its certificate", async () => {
        const path = `${etcd.folder}/m0/fixtures/client/cert.pem`;
        cert = await Deno.readTextFile(path).catch(() => "");
        return cert.includes("END CERTIFICATE");
      });
      using client = Deno.createHttpClient({ caCerts: [cert] });
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
        message: /certificate/i,
      });
      await stranger.close();
    } finally {
      await etcd.stop();
    }
  },
});
