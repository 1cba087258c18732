/** A line in context: it is in sight, also when more lines are shown before it. */

import { start } from "../base";
import { delegate, find } from "../dom";
import { visit } from "../htmx";

function place(): number {
  return find("[data-current]")?.getBoundingClientRect().top ?? 0;
}

start();
find("[data-current]")?.scrollIntoView({ block: "center" });
delegate("click", "a[data-more]", (link, event) => {
  event.preventDefault();
  const before = place();
  void visit((link as HTMLAnchorElement).href).then(() => scrollBy({ top: place() - before, behavior: "instant" }));
});
addEventListener("popstate", () => location.reload());
