/** Build the panel of one clip: its game, who plays, the score and the screen. */
function makeThumb(parent, clip) {
  const panel = add(parent, "div", { class: `thumb ${clip.kind}` });
  add(panel, "h3", {}, clip.title);
  const top = add(panel, "p", { class: "small" });
  add(top, "span", { class: "name" }, clip.name);
  const points = add(top, "span", { class: "points" });
  const canvas = add(panel, "canvas", {
    width: clip.width, height: clip.height, role: "img",
    "aria-label": `${clip.name} playing ${clip.title}`,
  });
  const context = canvas.getContext("2d");
  const image = context.createImageData(clip.width, clip.height);
  const pixels = new Uint32Array(image.data.buffer);
  function show(frame) {
    const t = Math.min(frame, clip.length - 1);
    const start = t * pixels.length;
    for (let i = 0; i < pixels.length; i++) pixels[i] = clip.colours[clip.frames[start + i]];
    context.putImageData(image, 0, 0);
    points.textContent = score(clip.scores[t]);
    return `${clip.title}, ${clip.name}: ${score(clip.scores[t])}.`;
  }
  return { look: () => {}, show };
}

async function render({ model, el }) {
  const data = model.get("data");
  const clips = await Promise.all(data.clips.map(
    async (packed) => ({ ...await loadClip(packed), title: packed.title })));
  const root = mount(el, data.label);
  root.classList.add("thumbs");
  const player = makePlayer(root, clips, {
    title: data.title, stepsPerSecond: data.steps_per_second, temperature: 1, autoplay: false,
    makePanel: makeThumb,
  });
  return player.stop;
}

export default { render };
