async function render({ model, el }) {
  const data = model.get("data");
  const clips = await Promise.all(data.clips.map(loadClip));
  const root = mount(el, data.label);
  const player = makePlayer(root, clips, {
    title: data.title, stepsPerSecond: data.steps_per_second, temperature: data.temperature,
    autoplay: false,
  });
  const shares = clips.map(({ name, disputed, length }) =>
    `${name}: ${percent(disputed.filter(Boolean).length / length, 0)} of its game`);
  add(root, "p", { class: "small note" }, joined(
    "Marks under the scores: pictures in which the agents’ best actions differ " +
    `(${shares.join(", ")}).`));
  return player.stop;
}

export default { render };
