/** The list of sources, with health and rates that stay true. */

import { refreshOn, start } from "../base";
import { startRows } from "../rows";

start();
startRows();
refreshOn("sources", "refresh-sources", 3000);
