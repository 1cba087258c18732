/** One source. */

import { refreshOn, start } from "../base";
import { mountCharts } from "../charts/chart";

start();
mountCharts();
refreshOn("sources", "refresh-sources", 3000);
