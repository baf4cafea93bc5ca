// Give each widget's frame the height of its page, and the theme of the site.

function fit(frame) {
  const page = frame.contentDocument; // null for a page that is opened as a file
  if (!page?.body || page.URL === "about:blank") return;
  page.body.style.margin = "0 auto";
  page.body.style.padding = "0";
  const resize = () => { frame.style.height = `${page.body.scrollHeight + 2}px`; };
  new frame.contentWindow.ResizeObserver(resize).observe(page.body);
  resize();
  paint(frame);
}

function paint(frame) {
  const root = frame.contentDocument?.documentElement;
  if (!root) return;
  const theme = document.documentElement.dataset.theme === "dark" ? "dark" : "light";
  root.style.colorScheme = theme;
  root.dataset.jpThemeLight = String(theme === "light"); // what the widgets' styles read
}

const frames = document.querySelectorAll("iframe.widget");
for (const frame of frames) {
  frame.addEventListener("load", () => fit(frame));
  if (frame.contentDocument?.readyState === "complete") fit(frame); // before this script
}
new MutationObserver(() => frames.forEach(paint))
  .observe(document.documentElement, { attributeFilter: ["data-theme"] });
