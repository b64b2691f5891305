// Runs before anything is drawn: the theme and the language that were chosen here before. The page's own modules are
// asked for once its words are painted, all of them at once; a browser would find them one import after the other.
(() => {
  const root = document.documentElement;
  /** @param {string} name */
  const kept = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      // A browser that keeps nothing shows its own choice.
      return null;
    }
  };
  root.classList.add("scripted");
  const theme = kept("colophon.theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const tags = [kept("colophon.language"), ...(navigator.languages ?? [])].map((tag) => tag?.toLowerCase().split("-")[0]);
  const language = tags.find((tag) => tag === "en" || tag === "de") ?? "en";
  // Nobody sees the language that was served until the words of the other are there (base.css, app.js).
  const waits = language !== root.lang;
  if (waits) root.dataset.waitsFor = language;

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
  const shared = ["dom", "i18n", "text", "shell", "routes", "router", "session", "api", "ui/basic", "ui/form", "ui/key", "ui/problem", "ui/toast"];
  const verify = ["pages/verify", "records", "ui/drop", "ui/lists", "report/view", "report/chain", "report/evidence", "report/items", "report/ledger", "report/manifest", "report/picture", "report/traces", "verify/actions", "verify/queue"];
  let begun = false;
  const begin = () => {
    if (begun) return;
    begun = true;
    const isVerify = location.pathname === "/";
    ask("script", { type: "module", src: new URL("js/app.js", base).href });
    ask("link", { rel: "preload", as: "fetch", crossorigin: "", href: new URL(`wording/${language}.json`, base).href });
    for (const name of [...shared, ...(isVerify ? verify : [])]) ask("link", { rel: "modulepreload", href: new URL(`js/${name}.js`, base).href });
    if (isVerify) ask("link", { rel: "stylesheet", href: new URL("css/report.css", base).href });
  };
  // What nobody sees is not painted, and not every browser tells when it painted.
  if (waits || document.hidden) begin();
  new PerformanceObserver(begin).observe({ type: "paint", buffered: true });
  setTimeout(begin, 300);
})();
