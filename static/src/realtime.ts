/**
 * One socket for everything live on a page: /ws/live.
 *
 * A lost connection is made again with back-off, and every subscription goes on from the
 * last event it has seen, so that nothing is missed or shown twice. A topic has one
 * subscription: several handlers share it and its filter.
 */

export interface LiveEvent<T = unknown> {
  id: string;
  data: T;
}

export type Filter = Record<string, unknown>;

export type LiveState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "reconnecting"; since: number; next: number }
  | { kind: "paused"; since: number }
  | { kind: "stopped"; code: number };

export interface Handler<T = unknown> {
  onEvents(events: LiveEvent<T>[]): void;
  /** Events were lost for good: read what is shown anew. */
  onGap?(): void;
  /** So many events came too fast to be sent: they are stored. */
  onSkipped?(count: number): void;
}

export interface Subscription {
  /** Ask for other events of the topic from now on. */
  update(filter: Filter): void;
  close(): void;
}

/** What the client needs of a WebSocket. */
export interface Socket {
  readyState: number;
  send(text: string): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: string }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface Surroundings {
  open(url: string): Socket;
  now(): number;
  after(milliseconds: number, act: () => void): () => void;
  random(): number;
  onUnauthenticated(): void;
}

export const CLOSE = {
  unnamed: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  notFound: 4404,
  tooSlow: 4408,
  tooManyMessages: 4429,
} as const;

export const PING_EVERY = 25_000;
const SILENCE_LIMIT = 2 * PING_EVERY + 10_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 20_000;
const REQUEST_LIMIT = 10_000;
const OPEN = 1;

interface Topic {
  filter: Filter;
  handlers: Set<Handler<never>>;
  last: string | undefined;
}

interface Waiting {
  resolve(data: unknown): void;
  reject(error: Error): void;
}

interface Message {
  type?: string;
  topic?: string;
  id?: string;
  data?: unknown;
  events?: LiveEvent[];
  count?: number;
  code?: string;
  detail?: string;
}

/** How long to wait before the n-th attempt (from 0): doubling, with jitter. */
export function backOff(attempt: number, random: number): number {
  const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt);
  return Math.round(longest * (0.5 + random / 2));
}

export class RealtimeClient {
  private socket: Socket | null = null;
  private readonly topics = new Map<string, Topic>();
  private readonly watchers = new Set<(state: LiveState) => void>();
  private readonly waiting = new Map<string, Waiting[]>();
  private attempt = 0;
  private heard = 0;
  private lostAt: number | undefined;
  private wasLive = false;
  private cancelWait: (() => void) | null = null;
  private cancelPing: (() => void) | null = null;
  private current: LiveState = { kind: "connecting" };

  /** `after` is where subscriptions begin that have seen nothing yet. */
  constructor(
    private readonly url: string,
    private readonly around: Surroundings,
    private readonly after?: string,
  ) {}

  get state(): LiveState {
    return this.current;
  }

  start(): void {
    if (!this.socket && this.current.kind !== "paused") this.connect();
  }

  /** Call with the state now and at each change. */
  watch(watcher: (state: LiveState) => void): void {
    this.watchers.add(watcher);
    watcher(this.current);
  }

  /** Without `after`, a topic begins where the page began, or now if that is long past. */
  subscribe<T>(name: string, filter: Filter, handler: Handler<T>, after?: string): Subscription {
    const last = after ?? (this.wasLive ? undefined : this.after);
    const topic = this.topics.get(name) ?? { filter, handlers: new Set(), last };
    const isNew = topic.handlers.size === 0 || JSON.stringify(topic.filter) !== JSON.stringify(filter);
    topic.filter = filter;
    topic.handlers.add(handler as Handler<never>);
    this.topics.set(name, topic);
    if (isNew) this.sendSubscription(name, topic);
    return {
      update: (changed) => {
        topic.filter = changed;
        topic.last = undefined;
        this.sendSubscription(name, topic);
      },
      close: () => {
        topic.handlers.delete(handler as Handler<never>);
        if (topic.handlers.size === 0) {
          this.topics.delete(name);
          this.send({ action: "unsubscribe", topic: name });
        }
      },
    };
  }

  /** Ask for a topic's present state. */
  request(name: string, filter: Filter = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const entry = { resolve, reject };
      this.waiting.set(name, [...(this.waiting.get(name) ?? []), entry]);
      this.around.after(REQUEST_LIMIT, () => reject(new Error(`No snapshot of ${name} came in time.`)));
      if (!this.send({ action: "request", topic: name, filter })) reject(new Error("Not connected."));
    });
  }

  /** Stop the stream until resume(); what is missed meanwhile is caught up then. */
  pause(): void {
    this.cancelWait?.();
    this.change({ kind: "paused", since: this.around.now() });
    this.socket?.close(1000);
    this.forgetSocket();
  }

  resume(): void {
    if (this.current.kind !== "paused") return;
    this.attempt = 0;
    this.connect();
  }

  /** Try now rather than at the end of the back-off, as when the network is back. */
  retry(): void {
    if (this.current.kind !== "reconnecting") return;
    this.cancelWait?.();
    this.connect();
  }

  private connect(): void {
    this.cancelWait?.();
    this.cancelWait = null;
    const socket = this.around.open(this.url);
    this.socket = socket;
    socket.onopen = () => {
      if (socket === this.socket) this.opened();
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.received(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code);
    };
  }

  private opened(): void {
    this.heard = this.around.now();
    this.wasLive = true;
    this.lostAt = undefined;
    for (const [name, topic] of this.topics) this.sendSubscription(name, topic);
    this.schedulePing();
    this.change({ kind: "live" });
  }

  private schedulePing(): void {
    this.cancelPing = this.around.after(PING_EVERY, () => {
      if (this.around.now() - this.heard > SILENCE_LIMIT) {
        // A dead line sends no close: take it as lost.
        this.socket?.close();
        this.closed(1006);
        return;
      }
      this.send({ action: "ping" });
      this.schedulePing();
    });
  }

  private closed(code: number): void {
    this.forgetSocket();
    if (this.current.kind === "paused") return;
    if (code === CLOSE.unauthenticated) {
      this.change({ kind: "stopped", code });
      this.around.onUnauthenticated();
      return;
    }
    if (code === CLOSE.forbidden || code === CLOSE.notFound || code === CLOSE.unnamed) {
      this.change({ kind: "stopped", code });
      return;
    }
    const now = this.around.now();
    this.lostAt ??= now;
    // A slow client is told to come back at once and go on; only once in a row.
    const atOnce = (code === CLOSE.tooSlow || code === CLOSE.tooManyMessages) && this.attempt === 0;
    const wait = atOnce ? 0 : backOff(this.attempt, this.around.random());
    this.attempt += 1;
    this.change({ kind: "reconnecting", since: this.lostAt, next: now + wait });
    this.cancelWait = this.around.after(wait, () => this.connect());
  }

  private forgetSocket(): void {
    this.cancelPing?.();
    this.cancelPing = null;
    this.socket = null;
    for (const entries of this.waiting.values()) {
      for (const entry of entries) entry.reject(new Error("The connection was lost."));
    }
    this.waiting.clear();
  }

  private received(text: string): void {
    this.heard = this.around.now();
    const message = JSON.parse(text) as Message;
    switch (message.type) {
      case "hello":
        this.attempt = 0;
        break;
      case "event":
        this.deliver(message.topic, [{ id: message.id ?? "", data: message.data }]);
        break;
      case "events":
        this.deliver(message.topic, message.events ?? []);
        break;
      case "skipped":
        for (const handler of this.topics.get(message.topic ?? "")?.handlers ?? []) handler.onSkipped?.(message.count ?? 0);
        break;
      case "snapshot":
        this.answer(message);
        break;
      case "error":
        this.refused(message);
        break;
    }
  }

  private deliver(name: string | undefined, events: LiveEvent[]): void {
    const topic = name === undefined ? undefined : this.topics.get(name);
    const last = events.at(-1);
    if (!topic || !last) return;
    if (last.id) topic.last = last.id;
    for (const handler of topic.handlers) handler.onEvents(events as LiveEvent<never>[]);
  }

  private answer(message: Message): void {
    const entry = this.waiting.get(message.topic ?? "")?.shift();
    entry?.resolve(message.data);
  }

  private refused(message: Message): void {
    const topic = message.topic === undefined ? undefined : this.topics.get(message.topic);
    if (message.code === "replay_gap" && topic) {
      for (const handler of topic.handlers) handler.onGap?.();
    } else if (message.code === "unavailable") {
      this.around.after(FIRST_WAIT * 4, () => {
        for (const [name, each] of this.topics) this.sendSubscription(name, each);
      });
    } else {
      console.warn(`Live: ${message.detail ?? message.code}`);
    }
  }

  private sendSubscription(name: string, topic: Topic): void {
    const message: Record<string, unknown> = { action: "subscribe", topic: name, filter: topic.filter, batch: true };
    if (topic.last) message["after"] = topic.last;
    this.send(message);
  }

  private send(message: object): boolean {
    if (this.socket?.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private change(state: LiveState): void {
    this.current = state;
    for (const watcher of this.watchers) watcher(state);
  }
}
