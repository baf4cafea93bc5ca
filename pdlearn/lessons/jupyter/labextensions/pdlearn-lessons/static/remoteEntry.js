// A JupyterLab extension, for `pdlearn lessons`. The widget manager marks a notebook as changed for
// each stored widget that it restores, and when it saves, it drops the widgets that have no running
// kernel. With this extension a notebook that is only opened is not marked as changed, and a widget
// is stored as long as an output shows it.
//
// It needs no build: JupyterLab loads an extension as `window._JUPYTERLAB[name]`, an object with
// `init` and `get`, which bundlers usually write.

const STATE = "application/vnd.jupyter.widget-state+json";
const VIEW = "application/vnd.jupyter.widget-view+json";

const storedWidgets = {
  id: "pdlearn-lessons:stored-widgets",
  autoStart: true,
  activate(app) {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew(panel, context) {
        context.ready.then(() => {
          clearMark(context.model);
          keepStates(context.model);
        });
      },
    });
  },
};

// Clear the mark of a change until the content changes. A change of the content is signalled after
// its mark is set, so the mark is looked at a moment later.
function clearMark(model) {
  let edited = false;
  model.contentChanged.connect(() => {
    edited = true;
  });
  const clear = () => {
    if (model.dirty && !edited) model.dirty = false;
  };
  model.stateChanged.connect(() => setTimeout(clear));
  clear();
}

// Add the states that are shown to those that the widget manager writes.
function keepStates(model) {
  let known = statesOf(model);
  model.metadataChanged.connect(() => {
    const written = statesOf(model);
    known = { ...known, ...written };
    const kept = shownOf(model, known).filter((id) => !(id in written));
    if (kept.length === 0) return;
    const added = Object.fromEntries(kept.map((id) => [id, known[id]]));
    const widgets = model.getMetadata("widgets") ?? {};
    const version = { version_major: 2, version_minor: 0 };
    const state = { ...version, ...widgets[STATE], state: { ...written, ...added } };
    model.setMetadata("widgets", { ...widgets, [STATE]: state });
  });
}

function statesOf(model) {
  return model.getMetadata("widgets")?.[STATE]?.state ?? {};
}

// Return the ids of the known states that outputs show, and of those that these refer to.
function shownOf(model, known) {
  const outputs = model.toJSON().cells.flatMap((cell) => cell.outputs ?? []);
  const found = new Set();
  const add = (id) => {
    if (!(id in known) || found.has(id)) return;
    found.add(id);
    const references = JSON.stringify(known[id].state).matchAll(/IPY_MODEL_(\w+)/g);
    for (const [, other] of references) add(other);
  };
  for (const output of outputs) add(output.data?.[VIEW]?.model_id);
  return [...found];
}

window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB["pdlearn-lessons"] = {
  init() {},
  get: async () => () => ({ __esModule: true, default: storedWidgets }),
};
