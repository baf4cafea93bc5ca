/** Make a place in `el` that looks like ours and whose keys the notebook leaves alone. */
function mount(el, label) {
  const root = add(el, "section", { class: "pdlearn face", "aria-label": label });
  // JupyterLab and Notebook 7 listen on the document, where a key arrives last.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  return root;
}

/**
 * Let a widget hear its kernel however late its script came: anywidget 0.11 throws away, for good,
 * the messages of one that took the browser two seconds to load, as beside a training it may.
 */
async function hear(model) {
  const whole = await model.widget_manager?.get_model?.(model.get("identity")).catch(() => null);
  if (!whole?.comm) return; // a page of its own, or no kernel
  const ancestor = Object.getPrototypeOf(Object.getPrototypeOf(whole));
  whole.comm.on_msg((message) => ancestor._handle_comm_msg.call(whole, message));
  whole.comm.send({ method: "request_state" }, {}); // what it has missed
}
