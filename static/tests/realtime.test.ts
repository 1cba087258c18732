import assert from "node:assert/strict";
import { test } from "node:test";

import { backOff, CLOSE, PING_EVERY, RealtimeClient, type LiveEvent, type Socket, type Surroundings } from "../src/realtime";

class FakeSocket implements Socket {
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  closedWith: number | undefined;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(code?: number): void {
    this.closedWith = code ?? 1005;
    this.readyState = 3;
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  receive(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  lose(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

/** A world with a clock that only moves when told. */
class World implements Surroundings {
  sockets: FakeSocket[] = [];
  time = 0;
  asked = 0;
  private timers: { at: number; act: () => void }[] = [];

  open(): Socket {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  }
  now(): number {
    return this.time;
  }
  after(milliseconds: number, act: () => void): () => void {
    const timer = { at: this.time + milliseconds, act };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((each) => each !== timer));
  }
  random(): number {
    return 1;
  }
  onUnauthenticated(): void {
    this.asked += 1;
  }
  pass(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((each) => each !== next);
      this.time = next.at;
      next.act();
    }
    this.time = end;
  }
  get socket(): FakeSocket {
    const last = this.sockets.at(-1);
    assert.ok(last);
    return last;
  }
}

function started(after?: string): { world: World; client: RealtimeClient; seen: LiveEvent[] } {
  const world = new World();
  const client = new RealtimeClient("ws://test", world, after);
  const seen: LiveEvent[] = [];
  client.subscribe("logs", { level: "error" }, { onEvents: (events) => seen.push(...events) });
  client.start();
  world.socket.open();
  return { world, client, seen };
}

test("subscribes when the connection is open", () => {
  const { world } = started("100-0");

  assert.deepEqual(world.socket.sent, [
    { action: "subscribe", topic: "logs", filter: { level: "error" }, batch: true, after: "100-0" },
  ]);
});

test("hands single events and batches to the topic's handlers", () => {
  const { world, seen } = started();

  world.socket.receive({ type: "event", topic: "logs", id: "1-0.0", data: "a" });
  world.socket.receive({ type: "events", topic: "logs", events: [{ id: "1-0.1", data: "b" }, { id: "2-0.0", data: "c" }] });
  world.socket.receive({ type: "event", topic: "alerts", id: "9-0.0", data: "not mine" });

  assert.deepEqual(
    seen.map((event) => event.data),
    ["a", "b", "c"],
  );
});

test("says how many events came too fast to be sent", () => {
  const { world, client } = started();
  const skipped: number[] = [];
  client.subscribe("logs", { level: "error" }, { onEvents: () => undefined, onSkipped: (count) => skipped.push(count) });

  world.socket.receive({ type: "skipped", topic: "logs", count: 500 });
  world.socket.receive({ type: "skipped", topic: "alerts", count: 9 });

  assert.deepEqual(skipped, [500]);
});

test("goes on from the last event after a lost connection", () => {
  const { world } = started();
  world.socket.receive({ type: "event", topic: "logs", id: "7-0.3", data: "a" });

  world.socket.lose();
  world.pass(1000);
  world.socket.open();

  assert.equal(world.sockets.length, 2);
  assert.equal(world.socket.sent[0]?.["after"], "7-0.3");
});

test("tells since when it is reconnecting, through all attempts", () => {
  const { world, client } = started();
  world.pass(5000);

  world.socket.lose();
  world.pass(500);
  world.socket.lose();

  assert.deepEqual(client.state, { kind: "reconnecting", since: 5000, next: 6500 });
});

test("waits longer each time, with jitter, but never too long", () => {
  assert.deepEqual(
    [0, 1, 2, 10].map((attempt) => backOff(attempt, 1)),
    [500, 1000, 2000, 20_000],
  );
  assert.equal(backOff(1, 0), 500);
});

test("a hello ends the back-off", () => {
  const { world, client } = started();
  for (let attempt = 0; attempt < 4; attempt += 1) {
    world.socket.lose();
    world.pass(20_000);
  }
  world.socket.open();
  world.socket.receive({ type: "hello" });
  const lostAt = world.now();

  world.socket.lose();

  assert.deepEqual(client.state, { kind: "reconnecting", since: lostAt, next: lostAt + 500 });
});

test("a slow client comes back at once", () => {
  const { world } = started();
  world.socket.receive({ type: "hello" });

  world.socket.lose(CLOSE.tooSlow);
  world.pass(0);

  assert.equal(world.sockets.length, 2);
});

for (const code of [CLOSE.forbidden, CLOSE.notFound, CLOSE.unnamed]) {
  test(`code ${code} stops for good`, () => {
    const { world, client } = started();

    world.socket.lose(code);
    world.pass(60_000);

    assert.equal(world.sockets.length, 1);
    assert.deepEqual(client.state, { kind: "stopped", code });
  });
}

test("asks for a login when the session has ended", () => {
  const { world } = started();

  world.socket.lose(CLOSE.unauthenticated);

  assert.equal(world.asked, 1);
});

test("pings, and takes a silent line as lost", () => {
  const { world, client } = started();
  const first = world.socket;

  world.pass(4 * PING_EVERY);

  assert.ok(first.sent.some((message) => message["action"] === "ping"));
  assert.notEqual(client.state.kind, "live");
});

test("a line that is heard of stays", () => {
  const { world, client } = started();

  for (let beat = 0; beat < 10; beat += 1) {
    world.pass(20_000);
    world.socket.receive({ type: "heartbeat" });
  }

  assert.equal(client.state.kind, "live");
});

test("a pause ends the stream and resuming catches up", () => {
  const { world, client } = started();
  world.socket.receive({ type: "event", topic: "logs", id: "3-0.0", data: "a" });

  client.pause();
  world.pass(60_000);
  client.resume();
  world.socket.open();

  assert.equal(world.sockets.length, 2);
  assert.equal(world.socket.sent[0]?.["after"], "3-0.0");
});

test("answers a request with the snapshot", async () => {
  const { world, client } = started();

  const answer = client.request("alerts");
  world.socket.receive({ type: "snapshot", topic: "alerts", data: [1] });

  assert.deepEqual(await answer, [1]);
});

test("a request fails when the connection is lost", async () => {
  const { world, client } = started();

  const answer = client.request("alerts");
  world.socket.lose();

  await assert.rejects(answer, /connection was lost/);
});

test("tells handlers that events were lost for good", () => {
  const { world, client } = started();
  let gaps = 0;
  client.subscribe("alerts", {}, { onEvents: () => undefined, onGap: () => (gaps += 1) });

  world.socket.receive({ type: "error", code: "replay_gap", topic: "alerts" });

  assert.equal(gaps, 1);
});

test("a changed filter begins anew", () => {
  const { world, client } = started();
  world.socket.receive({ type: "event", topic: "logs", id: "3-0.0", data: "a" });
  const subscription = client.subscribe("logs", { level: "error" }, { onEvents: () => undefined });

  subscription.update({ contains: "pool" });

  assert.deepEqual(world.socket.sent.at(-1), { action: "subscribe", topic: "logs", filter: { contains: "pool" }, batch: true });
});

test("the last handler's leaving ends the subscription", () => {
  const { world, client } = started();
  const subscription = client.subscribe("alerts", {}, { onEvents: () => undefined });

  subscription.close();

  assert.deepEqual(world.socket.sent.at(-1), { action: "unsubscribe", topic: "alerts" });
});
