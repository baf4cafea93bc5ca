// A JupyterLab extension, for `pdlearn lessons`: a notebook that is only opened is not marked as
// changed. The widget manager marks it for each stored widget that it restores.
//
// It needs no build: JupyterLab loads an extension as `window._JUPYTERLAB[name]`, an object with
// `init` and `get`, which bundlers usually write.

const unchangedWhenOpened = {
  id: "pdlearn-lessons:unchanged-when-opened",
  autoStart: true,
  activate(app) {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew(panel, context) {
        context.ready.then(() => {
          const model = context.model;
          let edited = false;
          model.contentChanged.connect(() => {
            edited = true;
          });
          const clear = () => {
            if (model.dirty && !edited) model.dirty = false;
          };
          model.stateChanged.connect(clear);
          clear();
        });
      },
    });
  },
};

window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB["pdlearn-lessons"] = {
  init() {},
  get: async () => () => ({ __esModule: true, default: unchangedWhenOpened }),
};
