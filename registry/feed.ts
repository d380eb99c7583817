/**
 * A registry's answer to a discovery: one listing, or a stream of them.
 *
 * @module
 */

import type { HttpEndpoint } from "../discovery/http.ts";
import { errorText, RpcError } from "../errors.ts";
import { ListedServers } from "./listed_servers.ts";
import {
  type Listing,
  parseEvent,
  parseListing,
  SERVERS_HEADER,
  splitServers,
  STREAM_HEADER,
} from "./protocol.ts";
import { RegistryRequest, type RequestSettings } from "./request.ts";

/** A stream is given up after a silence of so many of its keep-alive intervals. */
const INTERVALS_MISSED = 3;

/** What a registry has answered. */
export interface Feed {
  /** The listing at the time of the answer. */
  readonly listing: Listing;
  /** The listings after it, if the registry offers a stream; `undefined` is a sign of life. */
  readonly changes?: AsyncIterable<Listing | undefined>;
  /** Ends the stream. */
  end(): void;
}

/** What to ask for. */
export interface FeedOptions {
  /** How long the answer may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether to ask for a stream. */
  readonly stream: boolean;
  /** The `instance` of a registry that reports none. */
  readonly instance: string;
}

/**
 * Asks a registry for its servers.
 *
 * @param endpoint The registry.
 * @param settings How requests are made.
 * @param options Time limit, and whether a stream is wanted.
 * @returns The answer. Whoever gets it calls `end`.
 * @throws {RpcError} `unavailable` if the registry does not answer, `data_loss` if
 * its answer can't be understood.
 */
export async function openFeed(
  endpoint: HttpEndpoint,
  settings: RequestSettings,
  options: FeedOptions,
): Promise<Feed> {
  const { url } = endpoint;
  const request = new RegistryRequest(endpoint, settings);
  let isStream = false;
  try {
    request.limit(options.timeoutMs, "no list of servers came");
    const { headers } = await request.send(
      "GET",
      options.stream
        ? { accept: "text/event-stream, application/json", [STREAM_HEADER]: "changes" }
        : { accept: "application/json" },
    );
    const type = headers.get("content-type") ?? "";
    if (type.startsWith("text/event-stream")) {
      isStream = true;
      return await follow(request, url);
    }

    const servers = headers.get(SERVERS_HEADER); // empty if there are none
    let listing: Listing;
    if (servers !== null) {
      const { instance } = options;
      listing = { instance, version: 0, beatMs: Infinity, servers: splitServers(servers) };
    } else listing = read(parseListing, await request.text(), url);
    request.end();
    return { listing, end() {} };
  } catch (error) {
    request.end();
    if (!isStream || settings.signal?.aborted) throw error;
    // A proxy may hold streams back: a plain list can be had nevertheless.
    return openFeed(endpoint, settings, { ...options, stream: false });
  }
}

async function follow(request: RegistryRequest, url: string): Promise<Feed> {
  const events = request.events();
  let first: string | undefined;
  while (first === undefined) first = (await events.next()).value;
  const listing = read(parseListing, first, url);
  return { listing, changes: changes(request, url, events, listing), end: () => request.end() };
}

async function* changes(
  request: RegistryRequest,
  url: string,
  events: AsyncIterable<string | undefined>,
  listing: Listing,
): AsyncGenerator<Listing | undefined> {
  const silenceMs = listing.beatMs * INTERVALS_MISSED;
  const listed = new ListedServers(listing);
  request.limit(silenceMs, "no sign of life on the stream");
  for await (const event of events) {
    request.limit(silenceMs, "no sign of life on the stream");
    yield event === undefined
      ? undefined
      : read((text) => listed.take(parseEvent(text)), event, url);
  }
}

function read(parse: (text: string) => Listing, text: string, url: string): Listing {
  try {
    return parse(text);
  } catch (error) {
    const message = `${url}: this is no registry's answer: ${errorText(error)}`;
    throw new RpcError("data_loss", message, { address: url, execution: "not_sent", cause: error });
  }
}
