/**
 * The name of a method: `Service.Method`.
 *
 * @module
 */

/**
 * Splits a name at its last dot: services may have dots in their names, methods have none.
 *
 * @param serviceMethod The name.
 * @returns Both names; that of the service is empty if there is no dot.
 */
export function splitName(serviceMethod: string): { service: string; method: string } {
  const dot = serviceMethod.lastIndexOf(".");
  return {
    service: serviceMethod.slice(0, Math.max(dot, 0)),
    method: serviceMethod.slice(dot + 1),
  };
}
