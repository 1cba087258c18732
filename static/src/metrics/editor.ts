/** A textarea becomes an editor that knows PromQL and our own names and labels. */

import type { EditorView } from "@codemirror/view";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";

import { edit as editAs } from "../editor";
import { organization } from "../live";

function promql(): PromQLExtension {
  const fetchFn: typeof fetch = (input, init) =>
    fetch(input, { ...init, headers: { ...init?.headers, "X-Scope-OrgID": organization ?? "" } });
  return new PromQLExtension().activateLinter(true).setComplete({
    remote: { url: `${location.origin}/prometheus`, httpMethod: "GET", fetchFn },
    maxMetricsMetadata: 10_000,
  });
}

/** Put an editor in place of the textarea, which keeps the text for the form. */
export function edit(area: HTMLTextAreaElement, run: () => void): EditorView {
  return editAs(area, run, promql().asExtension());
}
