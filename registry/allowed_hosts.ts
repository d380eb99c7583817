/**
 * By which names a registry may be reached. A web page may have its own name
 * point to an address of this machine or network, and then speak to what
 * listens there (DNS rebinding); the requests still name the page's host.
 *
 * @module
 */

/** IP addresses, and what always means this machine: no web page has such a name of its own. */
const SAFE = /^(?:\[.*\]|\d+(?:\.\d+){3}|(?:.*\.)?localhost)$/;

/** The hosts by which a registry may be reached. */
export class AllowedHosts {
  /** Names, and ends of names that begin with a dot; `undefined` if any may be used. */
  readonly #allowed: readonly string[] | undefined;

  /**
   * @param allowed Names without a port, or `.example.com` for all below it. Left
   * out, only a browser is looked at, when it changes the list.
   * @throws {TypeError} If one is no name.
   */
  constructor(allowed: readonly string[] | undefined) {
    this.#allowed = allowed?.map((host) => {
      if (/^[^\s:/@*[\]]+$/.test(host)) return host.toLowerCase();
      throw new TypeError(
        `allowedHosts: ${JSON.stringify(host)} is not like registry.example, without a port, ` +
          "or .example for all names below it",
      );
    });
  }

  /**
   * Finds the host by which a request may not reach the registry.
   *
   * @param request The request.
   * @returns The first such host that it names, or `undefined` if it may.
   */
  foreignOf(request: Request): string | undefined {
    if (this.#allowed === undefined && !isChangeByBrowser(request)) return undefined;
    return hostsOf(request).find((host) => !this.#isAllowed(host));
  }

  #isAllowed(host: string): boolean {
    if (SAFE.test(host)) return true;
    return this.#allowed?.some((allowed) =>
      allowed.startsWith(".") ? host.endsWith(allowed) : host === allowed
    ) ?? false;
  }
}

/** Whether a web page wants to change the list: every such request says where it comes from. */
function isChangeByBrowser({ method, headers }: Request): boolean {
  return method !== "GET" && (headers.has("origin") || headers.has("sec-fetch-site"));
}

/** The host of the URL, and of the header if there is one: they differ if a proxy was meant. */
function hostsOf({ url, headers }: Request): string[] {
  const host = headers.get("host");
  const urls = host === null ? [url] : [url, `http://${host}`];
  return urls.map((one) => URL.canParse(one) ? new URL(one).hostname : one);
}
