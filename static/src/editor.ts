/** A textarea becomes an editor of a query language. */

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec, type Extension } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const COLOURS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--syn-key)" },
  { tag: tags.operator, color: "var(--syn-op)" },
  { tag: tags.modifier, color: "var(--syn-key)" },
  { tag: tags.function(tags.variableName), color: "var(--syn-func)" },
  { tag: tags.labelName, color: "var(--syn-key)" },
  { tag: tags.string, color: "var(--syn-string)" },
  { tag: tags.number, color: "var(--syn-string)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
]);

const LOOK = EditorView.theme({
  "&": { backgroundColor: "transparent", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontSize: "var(--text-s)", lineHeight: "20px" },
  ".cm-content": { padding: "9px 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 var(--s-3)" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-soft)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "var(--radius)", zIndex: "20" },
  ".cm-tooltip-autocomplete ul li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-completionDetail": { color: "var(--ink-3)", fontStyle: "normal" },
  ".cm-completionInfo": { maxWidth: "360px", padding: "6px 10px" },
  ".cm-diagnostic": { padding: "4px 10px" },
});

/** Put an editor in place of the textarea, which keeps the text for the form. */
export function edit(area: HTMLTextAreaElement, run: () => void, language: Extension): EditorView {
  const host = document.createElement("div");
  host.className = "query-editor";
  area.after(host);
  area.hidden = true;
  // In a shadow tree CodeMirror adopts its style sheets; outside it would write
  // style elements, which the page's policy forbids.
  const root = host.attachShadow({ mode: "open" });
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: area.value,
      extensions: [
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        syntaxHighlighting(COLOURS),
        LOOK,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": area.getAttribute("aria-label") ?? "Query" }),
        placeholder(area.placeholder),
        language,
        Prec.high(keymap.of([{ key: "Mod-Enter", run: () => (run(), true) }])),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, { key: "Enter", run: () => (run(), true), shift: () => false }, ...defaultKeymap, ...historyKeymap]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) area.value = update.state.doc.toString();
        }),
      ],
    }),
  });
  point(view, area);
  return view;
}

/** Underline what the server complained about. */
function point(view: EditorView, area: HTMLTextAreaElement): void {
  const { complaint, position } = area.dataset;
  if (!complaint || !position) return;
  const length = view.state.doc.length;
  const from = Math.min(Number(position), Math.max(0, length - 1));
  view.dispatch(setDiagnostics(view.state, [{ from, to: Math.min(from + 1, length), severity: "error", message: complaint }]));
}
