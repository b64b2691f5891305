// Asks for the page's own modules once its words are painted, all of them at once: before, they would take processor time
// from painting, and a browser would find them one import after the other.
(() => {
  const base = new URL("../", /** @type {HTMLScriptElement} */ (document.currentScript).src);
  /**
   * @param {"link" | "script"} tag
   * @param {Record<string, string>} attributes
   */
  const ask = (tag, attributes) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    document.head.append(element);
  };
  const shared = ["dom", "i18n", "choice", "text", "shell", "routes", "router", "session", "api", "ui/basic", "ui/form", "ui/key", "ui/problem", "ui/toast"];
  const verify = ["pages/verify", "records", "ui/drop", "ui/lists", "report/view", "report/chain", "report/evidence", "report/items", "report/ledger", "report/manifest", "report/picture", "report/traces", "verify/actions", "verify/queue"];
  let begun = false;
  const begin = () => {
    if (begun) return;
    begun = true;
    const isVerify = location.pathname === "/";
    ask("script", { type: "module", src: new URL("js/app.js", base).href });
    ask("link", { rel: "preload", as: "fetch", crossorigin: "", href: new URL(`wording/${document.documentElement.lang}.json`, base).href });
    for (const name of [...shared, ...(isVerify ? verify : [])]) ask("link", { rel: "modulepreload", href: new URL(`js/${name}.js`, base).href });
    if (isVerify) ask("link", { rel: "stylesheet", href: new URL("css/report.css", base).href });
  };
  // What nobody sees is not painted, and not every browser tells when it painted.
  if (document.hidden) begin();
  new PerformanceObserver(begin).observe({ type: "paint", buffered: true });
  setTimeout(begin, 300);
})();
