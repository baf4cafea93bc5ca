/** Make a place in `el` that looks like ours and whose keys the notebook leaves alone. */
function mount(el, label) {
  const root = add(el, "section", {
    class: "pdlearn face", "aria-label": label, "data-lm-suppress-shortcuts": "true",
  });
  root.addEventListener("keydown", (event) => event.stopPropagation());
  return root;
}

