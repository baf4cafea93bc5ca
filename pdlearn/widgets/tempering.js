async function render({ model, el }) {
  const data = model.get("data");
  const root = mount(el, data.label);
  const { q, actions } = data;
  const best = indexOfMax(q);
  const [softest, sharpest] = [Math.log10(data.temperatures[1]), Math.log10(data.temperatures[0])];

  const top = add(root, "div", { class: "state" });
  if (data.picture) await drawPicture(add(top, "canvas", { role: "img", "aria-label": "The newest picture of the state" }), data.picture);
  const values = add(top, "div", { class: "teacher" });
  add(values, "h3", {}, "Q-values");
  makeBars(add(values, "ul", { class: "bars", "aria-label": "Q-values" }), actions, scaleOf(q))(q, best);

  const dial = add(root, "div", { class: "dial" });
  const label = add(dial, "label");
  add(label, "span", {}, "Temperature, from soft to sharp");
  const output = add(label, "output");
  const slider = add(label, "input", {
    type: "range", class: "temperature", min: -softest, max: -sharpest, step: 0.01,
  });
  slider.value = -Math.log10(data.paper);
  add(dial, "p", { class: "small" }, `The paper’s is ${data.paper}.`);

  const lessons = add(root, "div", { class: "lessons" });
  const lesson = (title, formula, low) => {
    const panel = add(lessons, "div", { class: "teacher" });
    add(panel, "h3", {}, title);
    const small = add(panel, "p", { class: "small formula" }, formula);
    const bars = makeBars(add(panel, "ul", { class: "bars", "aria-label": title }), actions, low);
    return { small, bars, remark: add(panel, "p", { class: "small remark" }) };
  };
  const kl = lesson("KL learns the distribution", "");
  const nll = lesson("NLL learns the best action", "1 for the largest Q, 0 for the rest");
  const mse = lesson("MSE learns the values", "Q itself, no temperature; bars: from the lowest to the highest", scaleOf(q));
  nll.bars(q.map((_, a) => (a === best ? 1 : 0)), best);
  mse.bars(q, best);

  const logits = data.student_outputs === "logits" ? data.student : null;
  if (data.student) {
    const panel = add(lessons, "div", { class: "student" });
    add(panel, "h3", {}, "The student now");
    add(panel, "p", { class: "small formula" }, logits ? "softmax(outputs)" : "Q-values, the outputs");
    const shown = logits ? softmax(logits) : data.student;
    makeBars(add(panel, "ul", { class: "bars", "aria-label": "The student now" }), actions,
      logits ? {} : scaleOf(shown))(shown, indexOfMax(shown));
  }
  const squares = (a, b) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);
  // KL and NLL need a student's logits, MSE its Q-values.
  const loss = (value) => ` The student’s loss: ${significant(value)}.`;
  nll.remark.textContent = "It does not depend on the temperature or on the gaps to other actions." +
    (logits ? loss(-logSoftmax(logits)[best]) : "");
  mse.remark.textContent = "Small gaps between actions contribute little to the loss." +
    (data.student && !logits ? loss(squares(data.student, q)) : "");

  function update() {
    const temperature = 10 ** -Number(slider.value);
    const shown = significant(temperature, 2);
    const target = softmax(q, temperature);
    const entropy = -target.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
    output.textContent = shown;
    slider.setAttribute("aria-valuetext", `temperature ${shown}`);
    kl.small.textContent = `softmax(Q / ${shown})`;
    kl.bars(target, best);
    kl.remark.textContent = joined(
      `Entropy ${significant(Math.abs(entropy), 2)} of ${significant(Math.log(q.length), 2)} nats; the best action has ` +
      `${percent(target[best])}.${logits ? loss(divergence(q, temperature, logits)) : ""}`);
  }
  slider.addEventListener("input", update);
  update();
}

async function drawPicture(canvas, packed) {
  const { shape: [height, width], values } = await unpack(packed);
  [canvas.width, canvas.height] = [width, height];
  const image = canvas.getContext("2d").createImageData(width, height);
  values.forEach((grey, i) => image.data.set([grey, grey, grey, 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

export default { render };
