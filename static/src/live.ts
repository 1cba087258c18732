/** The page's connection, and the dot in the top bar that tells how it is. */

import { all, announce, delegate, find, make } from "./dom";
import { RealtimeClient, type LiveState, type Surroundings } from "./realtime";

const browser: Surroundings = {
  open: (url) => new WebSocket(url) as unknown as ReturnType<Surroundings["open"]>,
  now: () => Date.now(),
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
  random: Math.random,
  onUnauthenticated: () => location.reload(),
};

function address(): string {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}/ws/live?org=${encodeURIComponent(organization)}`;
}

export const organization = document.body.dataset["organization"] ?? "";
export const live = new RealtimeClient(address(), browser, document.body.dataset["liveAfter"]);

const TEXT: Record<LiveState["kind"], string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  paused: "Paused",
  stopped: "Stopped",
};

function clock(moment: number): string {
  return new Date(moment).toLocaleTimeString([], { hour12: false });
}

/** Since when, where that matters; a phone has no room for it. */
function since(state: LiveState): string {
  return state.kind === "reconnecting" || state.kind === "paused" ? `, since ${clock(state.since)}` : "";
}

function show(state: LiveState): void {
  for (const dot of all("[data-live]")) {
    const calm = state.kind === "connecting" ? "reconnecting" : state.kind === "stopped" ? "paused" : state.kind;
    dot.dataset["state"] = calm;
    const word = find("span", dot);
    word?.replaceChildren(TEXT[state.kind], make("span", { class: "hide-s" }, since(state)));
    dot.title = state.kind === "live" ? "Click to pause" : state.kind === "paused" ? "Click to go on" : "Click to try now";
  }
}

/** Announce a refresh at once, then at most every so many milliseconds, and not while held. */
export function throttled(name: string, milliseconds: number, isHeld = (): boolean => false): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let again = false;
  const run = (): void => {
    if (document.hidden) {
      // A hidden page catches up when it is looked at.
      document.addEventListener("visibilitychange", () => announce(name), { once: true });
      timer = undefined;
      return;
    }
    if (isHeld()) {
      timer = setTimeout(run, milliseconds);
      return;
    }
    announce(name);
    again = false;
    timer = setTimeout(() => {
      timer = undefined;
      if (again) run();
    }, milliseconds);
  };
  return () => {
    if (timer) again = true;
    else run();
  };
}

export function togglePause(): void {
  if (live.state.kind === "paused") live.resume();
  else if (live.state.kind === "reconnecting") live.retry();
  else live.pause();
}

export function startLive(): void {
  if (!organization) return;
  live.watch(show);
  delegate("click", "[data-live]", togglePause);
  addEventListener("online", () => live.retry());
  live.start();
}
