/** Add a styled section to `el` whose key presses do not reach the notebook. */
function mount(el, label) {
  const root = add(el, "section", { class: "pdlearn face", "aria-label": label });
  // JupyterLab and Notebook 7 listen for keys on the document, which events reach last.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  return root;
}

/**
 * Subscribe to the kernel's messages directly, because anywidget 0.11 drops all messages to a widget
 * whose script took the browser more than two seconds to load, as can happen during a training. The
 * trait `identity` is the model's id, by which the script finds it. Return whether there is a kernel.
 */
async function hear(model) {
  const whole = await model.widget_manager?.get_model?.(model.get("identity")).catch(() => null);
  if (!whole?.comm) return false; // a saved page, or no kernel
  const ancestor = Object.getPrototypeOf(Object.getPrototypeOf(whole));
  whole.comm.on_msg((message) => ancestor._handle_comm_msg.call(whole, message));
  whole.comm.send({ method: "request_state" }, {}); // the state may have changed before
  return true;
}
