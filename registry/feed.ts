/**
 * What a registry tells a discovery: one listing, or one after the other.
 *
 * @module
 */

import { errorText, RpcError } from "../errors.ts";
import { Exchange, type Web } from "./http.ts";
import { type Listing, parseListing, SERVERS_HEADER, splitServers } from "./protocol.ts";

/** A stream may miss so many signs of life before it is given up. */
const BEATS_MISSED = 3;

/** What a registry has answered. */
export interface Feed {
  /** The listing as it was then. */
  readonly listing: Listing;
  /** What comes after it, if the registry offers that; `undefined` is a sign of life. */
  readonly changes?: AsyncIterable<Listing | undefined>;
  /** Ends it: nothing of it is left. */
  end(): void;
}

/** How to ask. */
export interface FeedOptions {
  /** How long the answer may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether to ask for a stream. */
  readonly stream: boolean;
  /** What `instance` is for a registry that does not say. */
  readonly instance: string;
}

/**
 * Asks a registry.
 *
 * @param web How requests are made.
 * @param url Which registry.
 * @param options Whether a stream is wanted.
 * @returns What it says. `end` it.
 * @throws {RpcError} `unavailable` if it does not answer, `data_loss` if what it
 * says can't be understood; nothing is left then.
 */
export async function openFeed(web: Web, url: string, options: FeedOptions): Promise<Feed> {
  const exchange = new Exchange(web, url);
  let isStream = false;
  try {
    exchange.within(options.timeoutMs, "no list of servers came");
    const accept = options.stream ? "text/event-stream, application/json" : "application/json";
    const { headers } = await exchange.send("GET", { accept });
    const type = headers.get("content-type") ?? "";
    if (type.startsWith("text/event-stream")) {
      isStream = true;
      return await follow(exchange, url);
    }

    const servers = headers.get(SERVERS_HEADER); // empty if there are none
    let listing: Listing;
    if (servers !== null) {
      const { instance } = options;
      listing = { instance, version: 0, beatMs: Infinity, servers: splitServers(servers) };
    } else listing = read(await exchange.text(), url);
    exchange.end();
    return { listing, end() {} };
  } catch (error) {
    exchange.end();
    if (!isStream || web.signal.aborted) throw error;
    // Something on the way holds streams back: the list can be had nevertheless.
    return openFeed(web, url, { ...options, stream: false });
  }
}

async function follow(exchange: Exchange, url: string): Promise<Feed> {
  const events = exchange.events();
  let first: string | undefined;
  while (first === undefined) first = (await events.next()).value;
  const listing = read(first, url);
  return { listing, changes: changes(exchange, url, events, listing), end: () => exchange.end() };
}

async function* changes(
  exchange: Exchange,
  url: string,
  events: AsyncIterable<string | undefined>,
  { beatMs }: Listing,
): AsyncGenerator<Listing | undefined> {
  const silenceMs = beatMs * BEATS_MISSED;
  exchange.within(silenceMs, "no sign of life on the stream");
  for await (const event of events) {
    exchange.within(silenceMs, "no sign of life on the stream");
    yield event === undefined ? undefined : read(event, url);
  }
}

function read(text: string, url: string): Listing {
  try {
    return parseListing(text);
  } catch (error) {
    const message = `${url}: this is no registry's answer: ${errorText(error)}`;
    throw new RpcError("data_loss", message, { address: url, execution: "not_sent", cause: error });
  }
}
