// The caller's key. It came in the address of the page or was typed in; it stays in this tab and goes nowhere but here.

const NAME = "colophon.key";
/** @type {string | null} */
let held = null;
/** @type {Set<() => void>} */
const watchers = new Set();

/** The key, if there is one. */
export function key() {
  return held;
}

/**
 * Takes the key of this tab, or the one in the address (`#key=…`), which is then taken out of it.
 */
export function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given !== null) history.replaceState(history.state, "", location.pathname + location.search);
  try {
    held = given ?? sessionStorage.getItem(NAME);
  } catch {
    held = given;
  }
  setKey(held);
}

/**
 * Uses a key from now on, or none.
 * @param {string | null} key
 */
export function setKey(key) {
  // What no header can hold would only fail later.
  held = key !== null && /^[\x21-\x7e]{1,512}$/.test(key.trim()) ? key.trim() : null;
  try {
    if (held === null) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, held);
  } catch {
    // It holds until the page is left.
  }
  for (const watcher of watchers) watcher();
}

/**
 * Calls whenever the key changes; the answer ends that.
 * @param {() => void} watcher
 */
export function onKey(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
