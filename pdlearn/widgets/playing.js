// How many steps may wait for an answer. With more, a slow kernel's pictures come late; with fewer,
// 60 Hz waits for a message's round trip.
const inFlight = (rate) => (rate === 60 ? 4 : 2);
const PATIENCE_MS = 2000;
const KEYS = {
  ArrowUp: "UP", KeyW: "UP", ArrowDown: "DOWN", KeyS: "DOWN", ArrowLeft: "LEFT", KeyA: "LEFT",
  ArrowRight: "RIGHT", KeyD: "RIGHT", Space: "FIRE",
};
const ARROWS = {
  UP: "M6 2l5 7H1z", DOWN: "M6 10L1 3h10z", LEFT: "M2 6l7-5v10z", RIGHT: "M10 6L3 11V1z", FIRE: "M6 1a5 5 0 100 10A5 5 0 006 1z",
};

async function render({ model, el }) {
  const data = model.get("data");
  const root = mount(el, data.label);
  let connected = false;
  hear(model).then((found) => { connected = found; });
  const view = Math.random().toString(36).slice(2); // a notebook may show the widget twice
  const agents = add(root, "div", { class: "agents" });
  const own = makeSeat(agents, data, "You", "third", `What ${data.name} would do`);
  const rival = makeSeat(agents, data, data.name, data.kind, "Its outputs");
  own.stage.setAttribute("tabindex", "0");
  own.stage.setAttribute("role", "application");
  own.stage.setAttribute("aria-label", `Your game of ${data.title}: arrow keys or W, A, S, D move, space fires, P pauses, T takes over or hands over`);

  const controls = add(root, "div", { class: "controls" });
  const buttons = add(controls, "div", { class: "buttons" });
  const start = makeButton(buttons, "play", "Start", "M1 0l11 6L1 12z");
  const hand = makeButton(buttons, "hand", "", "M1 3h7V1l3.5 3L8 7V5H1zM11 7H4V5L.5 8 4 11V9h7z");
  const fresh = makeButton(buttons, "fresh", "New game", "M6 1a5 5 0 104.8 6.4H9A3.4 3.4 0 116 2.6c1 0 1.8.4 2.4 1L6.6 5.4H11V1L9.5 2.4A5 5 0 006 1z");
  const rates = add(controls, "div", { class: "views" });
  let rate = data.rate;
  makeChoice(rates, "Decisions and pictures a second",
    data.rates.map((each) => [each, `${each} Hz`, meaning(each)]), rate,
    (chosen) => { rate = chosen; explain(); });
  const pad = makePad(add(root, "div", { class: "pad" }), data, (pressed, down) => { press(pressed, down); });
  const foot = add(root, "div", { class: "foot" });
  const words = add(foot, "p", { class: "small" });
  const keep = add(foot, "div", { class: "buttons" });
  const saved = add(root, "p", { class: "small told", role: "status" });

  const held = new Set();
  let [ready, playing, byAgent, stopped, silent] = [false, false, false, false, false];
  let [asked, answered, due, lastAnswer] = [0, 0, 0, performance.now()];
  let state = data.state;
  let [newest, drawing, clock, changed] = [null, false, null, false];

  function meaning(each) {
    const frames = data.frames_per_second / each;
    const every = frames === 1 ? "every frame" : `every ${frames} frames`;
    return `${each} decisions a second, ${every}${frames === 4 ? ", as the agent decides" : ""}`;
  }
  function explain(problem = null) {
    words.classList.toggle("problem", problem !== null);
    words.textContent = problem ??
      `The game runs at ${data.frames_per_second} frames a second; you decide ${rate} times a second, ` +
      `${meaning(rate).split(", ").slice(1).join(", ")}. Arrow keys or W A S D, space to fire, P to pause, T to ${byAgent ? "take over" : "hand over"}.`;
  }
  function send(message) {
    try { model.send?.({ ...message, view }); } catch { /* no kernel: `watchdog` reports it */ }
  }
  function ask(message) {
    send({ ...message, asked: asked++ });
  }
  function press(what, down) {
    if (down === held.has(what)) return; // a held key repeats
    if (down) held.add(what);
    else held.delete(what);
    changed = true;
    tick();
  }
  function setPlaying(wanted) {
    playing = wanted && ready && !state.over.every(Boolean);
    held.clear();
    start.querySelector("span").textContent = playing ? "Pause" : state.frames ? "Go on" : "Start";
    start.querySelector("path").setAttribute("d", playing ? "M1 0h3.6v12H1zM7.4 0H11v12H7.4z" : "M1 0l11 6L1 12z");
    root.classList.toggle("playing", playing);
    if (playing) {
      if (!byAgent) own.stage.focus({ preventScroll: true });
      due = performance.now();
      tick();
    }
  }
  function setDriver(agent) {
    byAgent = agent;
    hand.querySelector("span").textContent = byAgent ? "Take over" : `Hand over to ${data.name}`;
    own.driver.textContent = byAgent ? `${data.name} plays for you` : "";
    if (!byAgent && playing) own.stage.focus({ preventScroll: true });
    explain();
  }
  function tick() {
    clearTimeout(clock);
    if (!playing || stopped) return;
    const now = performance.now();
    const period = 1000 / rate;
    const early = changed ? period / 2 : 1; // a key press is sent early; the next step keeps its time
    if (now >= due - early && asked - answered < inFlight(rate) && !document.hidden) {
      changed = false;
      due = now - due > period ? now + period : due + period; // missed steps are skipped
      ask({ t: "step", rate, action: byAgent ? null : actionOf(held, data) });
    }
    clock = setTimeout(tick, Math.max(due - (changed ? period / 2 : 0) - now, 4));
  }
  function show(now) {
    state = now;
    [own, rival].forEach((seat, i) => seat.tell(now, i));
    if (now.over.every(Boolean) && playing) setPlaying(false);
  }
  /** Draw the newest picture. A browser that is slower than the kernel skips pictures. */
  async function drawNewest() {
    if (drawing) return;
    drawing = true;
    try {
      while (newest) {
        const [message, buffers] = newest;
        newest = null;
        await draw(message, buffers);
      }
    } finally {
      drawing = false;
    }
  }
  async function draw(message, [pixels, palette]) {
    const colours = new Uint8Array(palette.buffer ?? palette, palette.byteOffset ?? 0, palette.byteLength);
    const { values } = await unpack({ dtype: "u1", shape: null, zlib: pixels });
    own.paint(values, 0, colours);
    rival.paint(values, 1, colours);
    show(message);
  }
  function receive(message, buffers) {
    lastAnswer = performance.now();
    if (silent) explain();
    silent = false;
    if (message.t === "told") saved.textContent = message.text;
    if (message.t !== "shown") return;
    if (message.view === view) answered = Math.max(answered, (message.asked ?? -1) + 1);
    if (!ready) {
      ready = true;
      for (const button of root.querySelectorAll("button")) button.disabled = false;
      explain();
    }
    newest = [message, buffers];
    drawNewest();
  }
  const watchdog = setInterval(() => {
    // Repeat until it is answered: a message is lost if the kernel does not listen yet.
    if (!ready) send({ t: "ready" });
    const waiting = ready ? asked > answered : true;
    if (silent || !waiting || performance.now() - lastAnswer < PATIENCE_MS) return;
    silent = true;
    const later = `If it is busy, the game ${ready ? "continues" : "can be played"} afterwards`;
    explain(ready || connected ?
      `The kernel does not answer. ${later}; otherwise run the cell again.` :
      "No kernel answers. To play, run the cell in a notebook with a running kernel.");
  }, 500);

  own.stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.code === "KeyP") { if (!event.repeat) setPlaying(!playing); }
    else if (event.code === "KeyT") { if (!event.repeat) setDriver(!byAgent); }
    else if (event.code in KEYS) press(KEYS[event.code], true);
    else return;
    event.preventDefault();
  });
  own.stage.addEventListener("keyup", (event) => { if (event.code in KEYS) press(KEYS[event.code], false); });
  own.stage.addEventListener("pointerdown", () => own.stage.focus({ preventScroll: true }));
  root.addEventListener("focusout", (event) => {
    held.clear();
    if (playing && !byAgent && !root.contains(event.relatedTarget)) setPlaying(false);
  });
  start.addEventListener("click", () => setPlaying(!playing));
  hand.addEventListener("click", () => setDriver(!byAgent));
  fresh.addEventListener("click", () => { saved.textContent = ""; setPlaying(false); ask({ t: "new" }); });
  for (const [what, label, title] of [
    ["start", "Save as a start", "The seed and every action: agents can be evaluated from here"],
    ["demonstrations", "Save as demonstrations", "Observations, actions and the agent’s values: a student can learn from them"],
  ]) {
    const button = add(keep, "button", { type: "button", title }, label);
    button.addEventListener("click", () => send({ t: "save", what }));
  }
  for (const button of root.querySelectorAll("button")) button.disabled = true;

  setDriver(false);
  const [poster, palette] = await Promise.all([unpack(data.poster), unpack(data.palette)]);
  own.paint(poster.values, 0, palette.values);
  rival.paint(poster.values, 1, palette.values);
  show(state);
  model.on?.("msg:custom", receive);
  send({ t: "ready" });
  return () => {
    stopped = true;
    clearInterval(watchdog);
    model.off?.("msg:custom", receive);
  };
}

/** Build a game's panel: the picture, the score, and the agent's values. */
function makeSeat(parent, data, name, kind, heading) {
  const panel = add(parent, "div", { class: `agent ${kind}` });
  const top = add(panel, "header");
  add(top, "span", { class: "name" }, name);
  const points = add(top, "span", { class: "score" });
  const stage = add(panel, "div", { class: "stage" });
  const frame = add(stage, "div", { class: "frame" });
  const canvas = add(frame, "canvas", { width: 160, height: 210, role: "img", "aria-label": `${name} playing ${data.title}` });
  const driver = add(frame, "span", { class: "driver" });
  const side = add(stage, "div", { class: data.kind });
  add(side, "h3", {}, heading);
  add(side, "p", { class: "small formula" }, data.outputs === "q" ? `softmax(Q / ${data.temperature})` : "softmax(outputs)");
  const bars = makeBars(add(side, "ul", { class: "bars", "aria-label": heading }), data.actions);
  const remark = add(side, "p", { class: "small choice" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(160, 210);
  const pixels = new Uint32Array(image.data.buffer);
  return {
    stage, driver,
    paint(indices, which, palette) {
      const rgba = new Uint8Array(1024).fill(255);
      for (let i = 0; i < palette.length; i++) rgba[4 * Math.floor(i / 3) + (i % 3)] = palette[i];
      const colours = new Uint32Array(rgba.buffer);
      for (let i = 0; i < pixels.length; i++) pixels[i] = colours[indices[which * pixels.length + i]];
      context.putImageData(image, 0, 0);
    },
    tell(state, which) {
      points.textContent = score(state.scores[which]);
      points.setAttribute("aria-label", `Score ${score(state.scores[which])}`);
      const chosen = which === 0 ? state.advice : state.actions[1];
      bars(softmax(state.values[which], data.outputs === "q" ? data.temperature : 1), chosen);
      remark.textContent = state.over[which] ? `Over after ${number(state.frames / data.frames_per_second, 0)} s.` :
        which === 0 ? `You: ${data.actions[state.actions[0]]}.` : "";
    },
  };
}

/** Return the index of the action of the held keys, or of the nearest action that the game has. */
function actionOf(held, { actions, aliases }) {
  const named = new Set([...held].map((key) => aliases[key] ?? key));
  const one = (a, b) => (named.has(a) === named.has(b) ? "" : named.has(a) ? a : b);
  const [vertical, horizontal, fire] = [one("UP", "DOWN"), one("LEFT", "RIGHT"), named.has("FIRE") ? "FIRE" : ""];
  const wishes = [vertical + horizontal + fire, horizontal + fire, vertical + fire, fire, horizontal, vertical];
  return Math.max(0, actions.indexOf(wishes.find((name) => name && actions.includes(name)) ?? "NOOP"));
}

/** Build on-screen buttons for the game's actions; they can be held like keys. */
function makePad(parent, { actions, aliases }, press) {
  parent.setAttribute("role", "group");
  parent.setAttribute("aria-label", "Buttons to hold");
  const shown = Object.keys(aliases).length ? [...Object.keys(aliases), "FIRE"] : ["UP", "LEFT", "RIGHT", "DOWN", "FIRE"];
  for (const key of shown.filter((each) => actions.includes(aliases[each] ?? each))) {
    const button = add(parent, "button", { type: "button", class: key.toLowerCase(), "aria-label": key.toLowerCase(), tabindex: -1 });
    add(add(button, "svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }), "path", { d: ARROWS[key] });
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the game keeps the focus
      button.setPointerCapture(event.pointerId);
      press(key, true);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, () => press(key, false));
  }
}

export default { render };
