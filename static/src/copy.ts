/** Copy buttons: of snippets, and of the page's own address. */

import { delegate, find } from "./dom";
import { toast } from "./toast";

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    // Without https the clipboard is closed to pages: leave the text selected.
    toast("This browser does not let the page copy. Select the text instead.");
  }
}

export function startCopying(): void {
  delegate("click", "[data-copy]", (button) => {
    void copy(find("code", button.parentElement ?? document)?.textContent ?? "");
  });
  delegate("click", "[data-copy-link]", () => void copy(location.href));
}
