/** The service that is measured, as gob has to know it. */

import { gob } from "@geerpc/xclient/gob";

/** What `Arith` takes and gives. */
export const arithSchema = gob.service({
  Sum: { args: gob.struct({ A: gob.safeInt, B: gob.safeInt }), reply: gob.safeInt },
  Echo: { args: gob.string, reply: gob.string },
});
