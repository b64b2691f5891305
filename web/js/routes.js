// Every page: its address and its module.

/** @type {import("./router.js").Route[]} */
export const ROUTES = [
  { pattern: /^\/$/, load: () => import("./pages/verify.js") },
  { pattern: /^\/records\/(?<id>.+)$/, load: () => import("./pages/record.js") },
  { pattern: /^\/ledger$/, load: () => import("./pages/ledger.js") },
  { pattern: /^\/generate$/, load: () => import("./pages/generate.js") },
  { pattern: /^\/policy$/, load: () => import("./pages/policy.js") },
  { pattern: /^\/keys$/, load: () => import("./pages/keys.js") },
  { pattern: /^\/status$/, load: () => import("./pages/status.js") },
  { pattern: /^\/docs$/, load: () => import("./pages/docs.js") },
  { pattern: /^\/problems\/(?<code>[^/]+)$/, load: () => import("./pages/problem.js") },
];

export const NOT_FOUND = () => import("./pages/missing.js");
