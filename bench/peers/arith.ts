/** The schema of the service that is measured, for gob. */

import { gob } from "@geerpc/xclient/gob";

/** The types of `Arith`'s arguments and replies. */
export const arithSchema = gob.service({
  Sum: { args: gob.struct({ A: gob.safeInt, B: gob.safeInt }), reply: gob.safeInt },
  Echo: { args: gob.string, reply: gob.string },
});
