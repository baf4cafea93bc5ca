function render({ model, el }) {
  const first = model.get("data");
  const root = mount(el, first.label);
  hear(model);
  const top = add(root, "div", { class: "standing" });
  const words = add(top, "p", { role: "status" });
  const clock = add(top, "span", { class: "small" });
  const bar = add(root, "progress", { "aria-label": "How much is done" });
  const panels = add(root, "div", { class: "panels" });
  const stop = makeButton(add(top, "div", { class: "buttons" }), "stop", "Stop", "M1 1h10v10H1z");
  stop.addEventListener("click", () => {
    stop.disabled = true;
    words.textContent = "Stopping after the next row.";
    try { model.send?.({ t: "stop" }); } catch { /* no kernel: nothing runs */ }
  });

  const spaced = (name) => name.replaceAll("_", " ");
  function show() {
    const data = model.get("data");
    root.setAttribute("aria-label", data.label);
    const done = Math.max(0, ...data.panels.flatMap((panel) => panel.lines.map((line) => line.x.at(-1) ?? 0)));
    const over = data.panels.length ? spaced(data.panels[0].over) : "";
    const reached = over ? `${number(done, 0)}${data.total ? ` of ${number(data.total, 0)}` : ""} ${over}` : "";
    const standing = data.standing === "waiting" ?
      (data.poll_seconds ? "no rows yet" : "not begun; iterating over it trains") : data.standing;
    const said = standing !== "running" ? standing : data.stops ? "" : "interrupt the kernel to stop";
    if (!stop.disabled || standing !== "running") words.textContent = [data.source, said].filter(Boolean).join(": ");
    clock.textContent = [reached, data.seconds ? duration(Number(data.seconds)) : ""].filter(Boolean).join(" · ");
    bar.hidden = !data.total;
    bar.max = data.total ?? 1;
    bar.value = Math.min(done, bar.max);
    stop.hidden = !(data.stops && standing === "running");
    panels.replaceChildren();
    // Add all panels before drawing the first: their number determines their width.
    const holders = data.panels.map(() => add(panels, "div", { class: "panel" }));
    data.panels.forEach((panel, i) => drawPanel(holders[i], panel, spaced));
  }
  show();
  model.on?.("change:data", show);
  const size = new ResizeObserver(show);
  size.observe(panels);
  let timer = null;
  if (first.poll_seconds) {
    timer = setInterval(() => {
      if (document.hidden) return;
      try { model.send?.({ t: "more" }); } catch { /* no kernel: the display stays */ }
    }, 1000 * first.poll_seconds);
  }
  return () => { clearInterval(timer); size.disconnect(); model.off?.("change:data", show); };
}

/** Draw one panel: its lines over a counter, and their newest values as text. */
function drawPanel(holder, panel, spaced) {
  const head = add(holder, "header");
  add(head, "h3", {}, spaced(panel.title));
  const list = add(head, "ul", { class: "newest" });
  for (const line of panel.lines) {
    const item = add(list, "li", { class: line.kind });
    if (panel.lines.length > 1) {
      const key = add(item, "svg", { width: 18, height: 8, "aria-hidden": "true" });
      drawLine(key, line, [[0, 4], [18, 4]], [[9, 4]]);
      add(item, "span", { class: "small" }, spaced(line.name.replace(`${panel.title}_`, "")));
    }
    add(item, "span", { class: "score" }, line.y.length ? significant(line.y.at(-1)) : "–");
  }
  const [left, right, top, bottom] = [46, holder.clientWidth - 8, 8, 122];
  const svg = add(holder, "svg", { role: "img", width: "100%", height: 150 });
  svg.setAttribute("aria-label", panel.lines.map((line) => line.y.length ?
    `${spaced(line.name)}: from ${significant(line.y[0])} to ${significant(line.y.at(-1))}` :
    `${spaced(line.name)}: nothing yet`).join(", "));
  const xs = panel.lines.flatMap((line) => line.x);
  const ys = panel.lines.flatMap((line) => line.y);
  if (!ys.length) return;
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const { low, high, ticks, digits } = roundScale(Math.min(...ys), Math.max(...ys));
  const x = (value) => (first === last ? (left + right) / 2 : left + ((right - left) * (value - first)) / (last - first));
  const y = (value) => bottom - ((bottom - top) * (value - low)) / (high - low);
  for (const tick of ticks) {
    add(svg, "line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) });
    add(svg, "text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, number(tick, digits));
  }
  if (first !== last) add(svg, "text", { x: left, y: 144 }, number(first, 0));
  add(svg, "text", { x: right, y: 144, "text-anchor": "end" }, `${number(last, 0)} ${spaced(panel.over)}`);
  for (const line of panel.lines) {
    const points = line.x.map((value, t) => [x(value), y(line.y[t])]);
    drawLine(svg, line, points, points);
  }
}

/** Draw a curve, with dots where its values are few. */
function drawLine(svg, line, points, dots) {
  if (points.length > 1) {
    add(svg, "path", {
      class: `curve ${line.kind}${line.dots ? " thin" : ""}`, d: `M${points.join("L")}`,
      ...(line.dash ? { "stroke-dasharray": line.dash === 1 ? "6 4" : "2 3" } : {}),
    });
  }
  if (line.dots) for (const [cx, cy] of dots) add(svg, "circle", { class: `point ${line.kind}`, cx, cy, r: 3.5 });
}

/** Return two to five round ticks that span the values from `from` to `to`. */
function roundScale(from, to) {
  const span = to - from || Math.abs(to) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 2));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => span / each <= 4);
  const [least, most] = [Math.floor(from / step), Math.max(Math.ceil(to / step), Math.floor(from / step) + 1)];
  const ticks = Array.from({ length: most - least + 1 }, (_, i) => (least + i) * step);
  return { low: least * step, high: most * step, ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${number(seconds % 60, 0)} s` : `${number(seconds, 0)} s`;
}

export default { render };
