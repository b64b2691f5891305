// Every page: its address, its module, and its place in the navigation, in this order.

/** @type {import("./router.js").Route[]} */
export const ROUTES = [
  { pattern: /^\/$/, load: () => import("./pages/verify.js"), nav: "web.nav.verify", href: "/" },
  { pattern: /^\/records\/(?<id>.+)$/, load: () => import("./pages/record.js") },
  { pattern: /^\/ledger$/, load: () => import("./pages/ledger.js"), nav: "web.nav.ledger", href: "/ledger" },
  { pattern: /^\/generate$/, load: () => import("./pages/generate.js"), nav: "web.nav.generate", href: "/generate" },
  { pattern: /^\/policy$/, load: () => import("./pages/policy.js"), nav: "web.nav.policy", href: "/policy" },
  { pattern: /^\/keys$/, load: () => import("./pages/keys.js"), nav: "web.nav.keys", href: "/keys" },
  { pattern: /^\/status$/, load: () => import("./pages/status.js"), nav: "web.nav.status", href: "/status" },
  { pattern: /^\/docs$/, load: () => import("./pages/docs.js") },
  { pattern: /^\/problems\/(?<code>[^/]+)$/, load: () => import("./pages/problem.js") },
];

export const NOT_FOUND = () => import("./pages/missing.js");
