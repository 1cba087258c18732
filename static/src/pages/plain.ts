/** Pages outside the shell, and those inside that need nothing of their own. */

import { start } from "../base";

start();
