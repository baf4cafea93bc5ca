/** Make a place in `el` that looks like ours and whose keys the notebook leaves alone. */
function mount(el, label) {
  const root = add(el, "section", { class: "pdlearn face", "aria-label": label });
  // JupyterLab and Notebook 7 listen on the document, where a key arrives last.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  return root;
}

