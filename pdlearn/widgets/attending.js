const ZOOM = 4; // canvas pixels per picture pixel

async function render({ model, el }) {
  const data = model.get("data");
  const root = mount(el, data.label);
  const pictures = await unpack(data.pictures);
  const [count, height, width] = pictures.shape;
  const panels = add(root, "div", { class: "attention" });
  const lenses = await Promise.all(data.agents.map(async (agent) => {
    const [strength, choice, blurred] = await Promise.all(["strength", "choice", "blurred"].map((key) => unpack(agent[key])));
    return makeLens(panels, { ...agent, strength, choice: choice.values, blurred: blurred.values }, data, [height, width]);
  }));
  const foot = add(root, "div", { class: "controls" });
  const clock = add(foot, "span", { class: "small clock" });
  const views = add(foot, "div", { class: "views" });
  let [at, veil] = [Math.floor(count / 2), true];
  makeChoice(views, "What to show", [[true, "Saliency"], [false, "Picture alone"]], veil, (chosen) => { veil = chosen; show(); });
  const slider = add(add(foot, "div", { class: "wide" }), "input", {
    type: "range", class: "scrubber", min: 0, max: count - 1, step: 1, "aria-label": "Picture",
  });
  slider.hidden = count < 2;
  slider.value = at;
  add(root, "p", { class: "small note" },
    "Blurring a bright spot changes the outputs, less their mean, most. " +
    "Each agent has its own scale, up to its brightest spot in all these pictures.");
  const status = add(root, "p", { class: "unseen", role: "status" });
  function show() {
    const start = at * height * width;
    const grey = pictures.values.subarray(start, start + height * width);
    const said = lenses.map((lens) => lens(at, grey, veil));
    clock.textContent = count > 1 ? `Picture ${at + 1} of ${count}` : "";
    slider.setAttribute("aria-valuetext", `picture ${at + 1} of ${count}`);
    status.textContent = `Picture ${at + 1} of ${count}. ${said.join(" ")}`;
  }
  slider.addEventListener("input", () => { at = Number(slider.value); show(); });
  show();
}

/** Build one agent's view. Returns a function that draws picture `t` and describes it in words. */
function makeLens(parent, agent, data, [height, width]) {
  const panel = add(parent, "div", { class: `agent ${agent.kind}` });
  const top = add(panel, "header");
  const name = agent.kind === "teacher" ? "Teacher" : "Student";
  add(top, "span", { class: "name" }, name);
  const chosen = add(top, "span", { class: "choice-now" });
  const canvas = add(panel, "canvas", { width: width * ZOOM, height: height * ZOOM, role: "img" });
  const words = add(panel, "p", { class: "small remark" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const tint = [1, 3, 5].map((i) => parseInt(agent.tint.slice(i, i + 2), 16));
  const [, rows, columns] = agent.strength.shape;
  const first = Math.floor(data.spacing / 2);
  // For linear interpolation: the spot before each canvas line, and the share of the next one.
  const between = (size, spots) => Array.from({ length: size * ZOOM }, (_, i) => {
    const place = Math.min(Math.max(((i + 0.5) / ZOOM - 0.5 - first) / data.spacing, 0), spots - 1);
    const before = Math.min(Math.floor(place), spots - 2);
    return [before, place - before];
  });
  const [down, across] = [between(height, rows), between(width, columns)];

  return (t, grey, veil) => {
    const spots = agent.strength.values.subarray(t * rows * columns, (t + 1) * rows * columns).map(Math.sqrt); // makes faint spots visible
    for (let y = 0, k = 0; y < canvas.height; y++) {
      const [row, below] = down[y];
      for (let x = 0; x < canvas.width; x++, k += 4) {
        const [column, right] = across[x];
        const i = row * columns + column;
        const upper = spots[i] * (1 - right) + spots[i + 1] * right;
        const lower = spots[i + columns] * (1 - right) + spots[i + columns + 1] * right;
        const light = veil ? upper * (1 - below) + lower * below : 0;
        const value = grey[Math.floor(y / ZOOM) * width + Math.floor(x / ZOOM)];
        const dim = veil ? 0.75 : 1;
        for (let c = 0; c < 3; c++) image.data[k + c] = value * dim + tint[c] * 0.8 * light;
        image.data[k + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
    const [now, then] = [data.actions[agent.choice[t]], data.actions[agent.blurred[t]]];
    chosen.textContent = now;
    words.textContent = now === then ? "Blurred at its brightest spot, it would choose the same." :
      `Blurred at its brightest spot, it would choose ${then}.`;
    let best = 0;
    for (let i = 1; i < spots.length; i++) if (spots[i] > spots[best]) best = i;
    const place = `row ${first + data.spacing * Math.floor(best / columns)}, column ${first + data.spacing * (best % columns)} of ${width}`;
    canvas.setAttribute("aria-label", `Saliency of the ${agent.kind}; brightest at ${place}`);
    return `${name}: ${now}, brightest at ${place}. ${words.textContent}`;
  };
}

export default { render };
