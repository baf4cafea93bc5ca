// Draw the learning curves of the chosen games, in percent from random play (0) to Nature DQN (100).

const WIDEST = 720, HEIGHT = 340, LEFT = 48, BOTTOM = 34, TOP = 12, RIGHT = 12;
const COLOURS = ["#0173b2", "#de8f05", "#029e73", "#cc78bc", "#ca9161",
                 "#d55e00", "#56b4e9", "#7a9a01", "#a05195", "#949494"];
const SHOWN_FIRST = ["Breakout", "Pong", "Q*bert"];

function add(parent, tag, attributes = {}, text = null) {
  const space = tag === "svg" || parent.namespaceURI.endsWith("svg")
    ? "http://www.w3.org/2000/svg" : parent.namespaceURI;
  const element = document.createElementNS(space, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

function draw(svg, curves) {
  svg.replaceChildren();
  const width = Math.max(320, Math.min(WIDEST, svg.parentElement.clientWidth)); // text keeps its size
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const steps = Math.max(...curves.map((curve) => curve.steps.at(-1)), 1);
  const percents = curves.map((curve) => curve.scores.map(
    (score) => 100 * (score - curve.random) / (curve.dqn - curve.random)));
  const most = Math.max(100, ...percents.flat()), least = Math.min(0, ...percents.flat());
  const x = (value) => LEFT + (width - LEFT - RIGHT) * value / steps;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (most - value) / (most - least);
  for (let value = 0; value <= most; value += most > 250 ? 100 : 25) {
    add(svg, "line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value),
                       class: value === 100 ? "grid dqn" : "grid" });
    add(svg, "text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, `${value} %`);
  }
  for (const share of width < 500 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]) {
    add(svg, "text", { x: x(steps * share), y: HEIGHT - 12,
                       "text-anchor": share === 1 ? "end" : "middle" },
      `${(steps * share / 1e6).toFixed(2)} M${share === 1 ? " agent steps" : ""}`);
  }
  curves.forEach((curve, index) => {
    const points = curve.steps.map((step, at) => `${x(step)},${y(percents[index][at])}`);
    add(svg, "polyline", { points: points.join(" "), stroke: curve.colour });
  });
}

for (const place of document.querySelectorAll(".curves")) {
  const data = JSON.parse(place.querySelector("script").textContent);
  const choices = add(place, "fieldset");
  add(choices, "legend", {}, "Games");
  const svg = add(place, "svg", { role: "img",
    "aria-label": "Training score by agent steps, in percent from random play to Nature DQN" });
  const games = Object.entries(data).map(([title, curve], index) => {
    const label = add(choices, "label", { style: `--game: ${COLOURS[index]}` });
    const box = add(label, "input", { type: "checkbox" });
    box.checked = SHOWN_FIRST.includes(title);
    label.append(title);
    return { ...curve, box, colour: COLOURS[index] };
  });
  const redraw = () => draw(svg, games.filter((game) => game.box.checked));
  choices.addEventListener("change", redraw);
  addEventListener("resize", redraw);
  redraw();
}
