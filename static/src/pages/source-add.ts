/** The wizard: the preview follows what is typed. */

import { start } from "../base";
import { announce, delegate } from "../dom";

const PAUSE = 500;

let timer: ReturnType<typeof setTimeout> | undefined;

start();
delegate("input", "#source input, #source textarea, #source select", () => {
  clearTimeout(timer);
  timer = setTimeout(() => announce("preview"), PAUSE);
});
