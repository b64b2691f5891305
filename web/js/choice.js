// What was chosen for the next visits, in cookies: the server sends the page as it was chosen, so that it is never drawn
// in another language or theme first. Nobody has one who chose nothing.

const YEAR = 365 * 86_400;

/**
 * Keeps a choice, or forgets it; tells whether that worked.
 * @param {"language" | "theme"} name
 * @param {string | null} value
 */
export function keepChoice(name, value) {
  const cookie = `colophon-${name}=${value ?? ""}`;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${cookie}; path=/; samesite=lax; max-age=${value === null ? 0 : YEAR}${secure}`;
  return value === null || document.cookie.split("; ").includes(cookie);
}
