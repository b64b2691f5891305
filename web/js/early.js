// Runs before anything is drawn: the theme and the language that were chosen here before. Then it asks at once for what
// the page will need, which the browser would otherwise find out step by step.
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
  const theme = kept("colophon.theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const tags = [kept("colophon.language"), ...(navigator.languages ?? [])].map((tag) => tag?.toLowerCase().split("-")[0]);
  root.lang = tags.find((tag) => tag === "en" || tag === "de") ?? "en";

  const base = new URL("../", /** @type {HTMLScriptElement} */ (document.currentScript).src);
  /** @param {Record<string, string>} attributes */
  const hint = (attributes) => {
    const link = document.createElement("link");
    for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value);
    document.head.append(link);
  };
  hint({ rel: "preload", as: "fetch", crossorigin: "", href: new URL(`wording/${root.lang}.json`, base).href });
  const shared = ["dom", "i18n", "text", "routes", "router", "session", "api", "ui/basic", "ui/form", "ui/key", "ui/problem", "ui/toast"];
  const verify = ["pages/verify", "records", "ui/drop", "ui/lists", "report/view", "report/chain", "report/evidence", "report/items", "report/ledger", "report/manifest", "report/picture", "report/traces", "verify/actions", "verify/queue"];
  const isVerify = location.pathname === "/";
  for (const name of [...shared, ...(isVerify ? verify : [])]) hint({ rel: "modulepreload", href: new URL(`js/${name}.js`, base).href });
  for (const name of isVerify ? ["report", "verify"] : []) hint({ rel: "stylesheet", href: new URL(`css/${name}.css`, base).href });
})();
