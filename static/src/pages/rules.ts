/** The list of rules. */

import { start } from "../base";
import { startRows } from "../rows";

start();
startRows();
