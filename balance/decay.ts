/**
 * How long reply times count, for the policies that look at them.
 *
 * @module
 */

/** The time constant with which a reply time fades while no newer one comes, in milliseconds. */
export const DECAY_MS = 10_000;
