// Browser code shared by the tour's page and the widgets; each places it before its own code.

// ---- Small things everything uses ----------------------------------------------------------

// Read from the browser, so that a page contains no address.
const SVG = Object.assign(document.createElement("template"), { innerHTML: "<svg></svg>" })
  .content.firstChild.namespaceURI;

/** Append a new element of the parent's kind (HTML or SVG); text is never read as markup. */
function add(parent, tag, attributes = {}, text = null) {
  const element = document.createElementNS(tag === "svg" ? SVG : parent.namespaceURI, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

const formats = {}; // a cache: making a NumberFormat is slow

function spell(value, options) {
  if (value === null || value === undefined) return "–";
  const format = (formats[JSON.stringify(options)] ??= new Intl.NumberFormat("en", options));
  return format.format(value).replace("-", "−");
}

const number = (value, digits = 1, least = digits) =>
  spell(value, { minimumFractionDigits: least, maximumFractionDigits: digits });
const significant = (value, digits = 3) => spell(value, { maximumSignificantDigits: digits });

const percent = (share, digits = 1) => `${number(100 * share, digits)} %`;
const score = (value) => number(value, 1, 0);
const indexOfMax = (values) => values.indexOf(Math.max(...values));

/** Put non-breaking spaces between a number and its percent sign. */
const joined = (text) => text.replaceAll(" %", "\u00a0%");

/** Undo the packing of one array: zlib (in base64 on a page), then bytes or little-endian floats
 *  of 32 or 16 bits. */
async function unpack({ dtype, shape, zlib }) {
  const bytes = typeof zlib === "string" ?
    Uint8Array.from(atob(zlib), (character) => character.charCodeAt(0)) : zlib;
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter(); // faster than a Blob, which goes through another process
  for (const done of [writer.write(bytes), writer.close()]) done.catch(() => {}); // the reader reports errors
  const buffer = await new Response(stream.readable).arrayBuffer();
  if (dtype === "u1") return { shape, values: new Uint8Array(buffer) };
  const view = new DataView(buffer);
  const half = dtype === "<f2";
  const values = new Float32Array(buffer.byteLength / (half ? 2 : 4));
  for (let i = 0; i < values.length; i++) {
    values[i] = half ? fromHalf(view.getUint16(2 * i, true)) : view.getFloat32(4 * i, true);
  }
  return { shape, values };
}

/** Return the finite number whose 16 bits as a half-precision float are `bits`. */
function fromHalf(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

function logSoftmax(values, temperature = 1) {
  const top = Math.max(...values);
  const scaled = values.map((value) => (value - top) / temperature);
  const logSum = Math.log(scaled.reduce((sum, value) => sum + Math.exp(value), 0));
  return scaled.map((value) => value - logSum);
}

const softmax = (values, temperature) => logSoftmax(values, temperature).map(Math.exp);

/** KL(softmax(target / temperature) || softmax(logits)), the loss of one state. */
function divergence(target, temperature, logits) {
  const p = logSoftmax(target, temperature);
  const q = logSoftmax(logits);
  return p.reduce((sum, value, a) => sum + Math.exp(value) * (value - q[a]), 0);
}

function table(parent, head, rows) {
  const made = add(parent, "table");
  const top = add(add(made, "thead"), "tr");
  for (const name of head) add(top, "th", { scope: "col" }, name);
  const body = add(made, "tbody");
  for (const [first, ...rest] of rows) {
    const line = add(body, "tr");
    add(line, "th", { scope: "row" }, first);
    for (const cell of rest) add(line, "td", {}, cell);
  }
}

/** Radio buttons in a row; `options` are [value, label, spoken label]. Calls `choose` with a value. */
function makeChoice(parent, legend, options, chosen, choose) {
  const field = add(parent, "fieldset", { class: "choices" });
  add(field, "legend", { class: "unseen" }, legend);
  const name = `choice-${Math.random().toString(36).slice(2)}`; // a page may hold several players
  for (const [value, label, spoken = label] of options) {
    const holder = add(field, "label");
    const radio = add(holder, "input", { type: "radio", name, value, "aria-label": spoken });
    radio.checked = value === chosen;
    radio.addEventListener("change", () => choose(value));
    add(holder, "span", {}, label);
  }
}

// ---- Bars: one row per action, one value each -----------------------------------------------

function makeBars(list, labels, { relative = false, format = percent } = {}) {
  list.replaceChildren();
  list.classList.toggle("many", labels.length > 10);
  const rows = labels.map((label) => {
    const item = add(list, "li");
    add(item, "span", { class: "label" }, label);
    const track = add(item, "span", { class: "track" });
    const fill = add(track, "span", { class: "fill" });
    const value = add(item, "span", { class: "value" });
    return { item, fill, value };
  });
  return (values, chosen) => {
    const [low, high] = relative ? [Math.min(...values), Math.max(...values)] : [0, 1];
    rows.forEach(({ item, fill, value }, a) => {
      fill.style.width = `${(100 * (values[a] - low)) / (high - low || 1)}%`;
      const text = format(values[a]);
      if (value.textContent !== text) value.textContent = text; // avoids a new layout
      item.classList.toggle("chosen", a === chosen);
      if (a === chosen) item.setAttribute("aria-current", "true");
      else item.removeAttribute("aria-current");
    });
  };
}

/** Return the options of bars for Q-values: their differences show which action is best, and why. */
function scaleOf(values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const digits = largest >= 100 ? 1 : largest >= 10 ? 2 : 3;
  return { relative: true, format: (value) => number(value, digits) };
}

// ---- Player: clips side by side, in step -----------------------------------------------------

async function loadClip(packed) {
  const keys = ["frames", "palette", "actions", "values", "scores"];
  if (packed.choices) keys.push("choices");
  const arrays = await Promise.all(keys.map((key) => unpack(packed[key])));
  const [frames, palette, actions, values, scores, choices] = arrays.map((array) => array.values);
  const [length, height, width] = arrays[0].shape;
  const numActions = packed.action_names.length;
  // One 32-bit colour per index, in this machine's byte order: r, g, b, opaque.
  const rgba = new Uint8Array(1024).fill(255);
  for (let i = 0; i < palette.length; i++) rgba[4 * Math.floor(i / 3) + (i % 3)] = palette[i];
  const rivals = choices ? choices.length / length : 0;
  const choicesAt = (t) => Array.from(choices.subarray(t * rivals, (t + 1) * rivals));
  return {
    name: packed.name, kind: packed.kind, outputs: packed.outputs, actionNames: packed.action_names,
    length, height, width, scores, actions, frames, colours: new Uint32Array(rgba.buffer),
    allValues: values,
    valuesAt: (t) => Array.from(values.subarray(t * numActions, (t + 1) * numActions)),
    choicesAt: choices ? choicesAt : null, // each agent's best action in this clip's picture
    disputed: choices ?
      Array.from({ length }, (_, t) => new Set(choicesAt(t)).size > 1) : null,
  };
}

/** Build a clip's panel. Returns `look`, and `show`, which draws a frame and describes it in words. */
function makeScreen(parent, clip, clips, { title, stepsPerSecond }) {
  const panel = add(parent, "div", { class: `agent ${clip.kind}` });
  const top = add(panel, "header");
  add(top, "span", { class: "name" }, clip.name);
  const points = add(top, "span", { class: "score" });
  const stage = add(panel, "div", { class: "stage" });
  const canvas = add(stage, "canvas", {
    width: clip.width, height: clip.height, role: "img",
    "aria-label": `${clip.name} playing ${title}`,
  });
  const side = add(stage, "div");
  const heading = add(side, "h3");
  const formula = add(side, "p", { class: "small formula" });
  const list = add(side, "ul", { class: "bars" });
  const choice = add(side, "p", { class: "small choice" });
  let [update, read] = [null, null];

  function look(temperature) {
    const sharpened = clip.outputs === "q" && temperature !== null;
    const values = clip.outputs === "q" && !sharpened;
    heading.textContent = values ? "Q-values" : "Probabilities";
    formula.textContent =
      values ? "bars: from the lowest to the highest" : sharpened ? `softmax(Q / ${temperature})` : "softmax(outputs)";
    list.setAttribute("aria-label", `${heading.textContent} of ${clip.name}`);
    update = makeBars(list, clip.actionNames, values ? scaleOf(clip.allValues) : {});
    read = values ? (row) => row : (row) => softmax(row, sharpened ? temperature : 1);
  }

  const context = canvas.getContext("2d");
  const image = context.createImageData(clip.width, clip.height);
  const pixels = new Uint32Array(image.data.buffer);
  function show(frame) {
    const t = Math.min(frame, clip.length - 1);
    const start = t * pixels.length;
    for (let i = 0; i < pixels.length; i++) pixels[i] = clip.colours[clip.frames[start + i]];
    context.putImageData(image, 0, 0);
    points.textContent = score(clip.scores[t]);
    points.setAttribute("aria-label", `Score ${score(clip.scores[t])}`);
    const values = clip.valuesAt(t);
    const action = clip.actions[t];
    update(read(values), action);
    const remarks = [values[action] < Math.max(...values) ? "A random action, not its best." : "Its best action."];
    if (clip.choicesAt) {
      const best = indexOfMax(values);
      clip.choicesAt(t).forEach((other, i) => {
        if (other !== best) remarks.push(`${clips[i].name} would choose ${clip.actionNames[other]}.`);
      });
    }
    if (frame >= clip.length) remarks.splice(0, Infinity, `Ended after ${number(clip.length / stepsPerSecond)} s.`);
    choice.textContent = remarks.join(" ");
    return `${clip.name}: score ${score(clip.scores[t])}, ${clip.actionNames[action]}. ${choice.textContent}`;
  }
  look(null);
  return { look, show };
}

/** Draw scores over time, as wide as the slider's track, and marks where the agents disagree. */
function drawTracks(svg, clips, longest) {
  svg.replaceChildren();
  const width = svg.clientWidth;
  const all = clips.flatMap((clip) => Array.from(clip.scores));
  const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
  const x = (t) => (width * t) / Math.max(longest - 1, 1);
  const y = (value) => 66 - (56 * (value - low)) / (high - low || 1);
  add(svg, "line", { class: "grid", x1: 0, x2: width, y1: y(0), y2: y(0) });
  clips.forEach((clip, i) => {
    let path = `M0,${y(clip.scores[0])}`;
    for (let t = 1; t < clip.length; t++) {
      if (clip.scores[t] !== clip.scores[t - 1]) path += `H${x(t)}V${y(clip.scores[t])}`;
    }
    add(svg, "path", { class: `curve ${clip.kind}`, d: `${path}H${x(clip.length - 1)}` });
    if (clip.disputed) {
      let marks = "";
      clip.disputed.forEach((is, t) => { if (is) marks += `M${x(t)},${80 + 12 * i}v9`; });
      add(svg, "path", { class: `marks ${clip.kind}`, d: marks });
    }
  });
  svg.setAttribute("aria-label", "Scores over time: " + clips.map((clip) =>
    `${clip.name} ends at ${score(clip.scores[clip.length - 1])}`).join(", ") + ".");
  return add(svg, "line", { class: "cursor", y1: 0, y2: svg.clientHeight });
}

/**
 * Build a player of clips in `parent`. `temperature` is the one offered for the softmax of Q-values.
 * `makePanel` builds a clip's panel, as `makeScreen` does. `stepped` adds buttons for single frames.
 * Returns `seek(frame)` and `stop()`, which stops the animation and the observers.
 */
function makePlayer(parent, clips,
  { title, stepsPerSecond, temperature, autoplay, makePanel = makeScreen, stepped = false }) {
  const longest = Math.max(...clips.map((clip) => clip.length));
  const seconds = (frame) => `${number(frame / stepsPerSecond)} s`;
  const agents = add(parent, "div", { class: "agents" });
  const screens = clips.map((clip) => makePanel(agents, clip, clips, { title, stepsPerSecond }));
  const disputed = clips.some((clip) => clip.disputed);

  const controls = add(parent, "div", { class: "controls" });
  const buttons = add(controls, "div", { class: "buttons" });
  const play = makeButton(buttons, "play", "");
  const clock = add(controls, "span", { class: "small clock" });
  let [position, speed, playing, visible, last] = [0, 1, false, false, null];
  let [shown, cursor, stopped] = [-1, null, false];
  const views = add(controls, "div", { class: "views" });
  if (clips.some((clip) => clip.outputs === "q")) {
    makeChoice(views, "What to show of Q-values",
      [[null, "Q"], [temperature, `softmax(Q / ${temperature})`]], null, (chosen) => {
        for (const screen of screens) screen.look(chosen);
        show(true);
      });
  }
  makeChoice(views, "Speed",
    [[0.5, "½×", "0.5 times"], [1, "1×", "1 times"], [2, "2×", "2 times"], [4, "4×", "4 times"]],
    speed, (value) => { speed = value; });
  const wide = add(controls, "div", { class: "wide" });
  const scrubber = add(wide, "input", {
    type: "range", class: "scrubber", min: 0, max: longest - 1, step: 1, "aria-label": "Position in the games",
  });
  scrubber.value = 0;
  const height = disputed ? 78 + 12 * clips.length : 76;
  const tracks = add(add(wide, "div", { class: "tracks" }), "svg", { role: "img", width: "100%", height });
  const status = add(controls, "p", { class: "unseen", role: "status" });

  if (stepped) {
    makeButton(buttons, "back", "Back", "M9 1L3 6l6 5zM2 1h1.4v10H2z")
      .addEventListener("click", () => seek(Math.max(shown - 1, 0)));
    makeButton(buttons, "forth", "Step", "M3 1l6 5-6 5zM8.6 1H10v10H8.6z")
      .addEventListener("click", () => seek(Math.min(shown + 1, longest - 1)));
  }
  if (disputed) {
    const anywhere = (t) => clips.some((clip) => clip.disputed[t]);
    const starts = Array.from({ length: longest }, (_, t) => t)
      .filter((t) => anywhere(t) && !(t > 0 && anywhere(t - 1)));
    makeButton(buttons, "back", "Previous difference", "M9 1L3 6l6 5zM2 1h1.4v10H2z")
      .addEventListener("click", () => seek(starts.findLast((t) => t < shown) ?? shown));
    makeButton(buttons, "forth", "Next difference", "M3 1l6 5-6 5zM8.6 1H10v10H8.6z")
      .addEventListener("click", () => seek(starts.find((t) => t > shown) ?? shown));
  }

  function show(again = false) {
    const frame = Math.min(Math.floor(position), longest - 1);
    if (frame === shown && !again) return;
    shown = frame;
    const said = screens.map((screen) => screen.show(frame));
    if (!playing) status.textContent = `${seconds(frame)}. ${said.join(" ")}`;
    scrubber.value = frame;
    scrubber.setAttribute("aria-valuetext", `${seconds(frame)} of play`);
    clock.textContent = `${number(frame / stepsPerSecond)} / ${seconds(longest)}`;
    moveCursor();
  }
  function moveCursor() {
    const x = (tracks.clientWidth * shown) / Math.max(longest - 1, 1);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  }
  function setPlaying(wanted) {
    playing = wanted;
    last = null;
    if (playing && position >= longest - 1) position = 0;
    const again = !playing && position >= longest - 1;
    play.querySelector("span").textContent = playing ? "Pause" : again ? "Replay" : "Play";
    play.querySelector("path").setAttribute("d", playing ? "M1 0h3.6v12H1zM7.4 0H11v12H7.4z" : "M1 0l11 6L1 12z");
    if (playing) requestAnimationFrame(tick);
    else show(true);
  }
  function tick(now) {
    if (!playing || stopped) return;
    // A page in the background gets no ticks; the cap avoids a jump when they resume.
    if (last !== null && visible) position += Math.min((now - last) / 1000, 0.1) * stepsPerSecond * speed;
    last = now;
    if (position >= longest - 1) {
      position = longest - 1;
      setPlaying(false);
    } else {
      requestAnimationFrame(tick);
      show();
    }
  }
  function seek(frame) {
    position = frame;
    setPlaying(false);
  }

  scrubber.addEventListener("input", () => seek(Number(scrubber.value)));
  play.addEventListener("click", () => setPlaying(!playing));
  const size = new ResizeObserver(() => { cursor = drawTracks(tracks, clips, longest); moveCursor(); });
  const sight = new IntersectionObserver((entries) => { visible = entries.at(-1).isIntersecting; }, { threshold: 0.2 });
  cursor = drawTracks(tracks, clips, longest);
  show();
  setPlaying(autoplay && !matchMedia("(prefers-reduced-motion: reduce)").matches);
  size.observe(tracks);
  sight.observe(parent);
  return {
    seek,
    stop: () => { stopped = true; size.disconnect(); sight.disconnect(); },
  };
}

function makeButton(parent, name, label, path = "") {
  const button = add(parent, "button", { type: "button", class: name });
  const icon = add(button, "svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
  add(icon, "path", path ? { d: path } : {});
  add(button, "span", {}, label);
  return button;
}
