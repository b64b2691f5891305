// Addresses of records.

/**
 * The page of a record.
 * @param {string} shard such as `2026h2`
 * @param {number} index
 */
export function recordPage(shard, index) {
  return `/records/${encodeURIComponent(`${shard}-${index}`)}`;
}

/**
 * A record, or a file of it, in the API.
 * @param {string} id its place (`2026h2-17`), the id of the mark, the SHA-256 of the file, or the manifest's id
 * @param {"" | "proof" | "leaf" | "receipt" | "bundle" | "manifest"} [file]
 */
export function recordApi(id, file = "") {
  return `/v1/records/${encodeURIComponent(id)}${file === "" ? "" : `/${file}`}`;
}

/**
 * A file name for something of a record.
 * @param {string} id
 * @param {string} ending
 */
export function recordFile(id, ending) {
  return `record-${id.replace(/[^0-9A-Za-z.]+/g, "-")}.${ending}`;
}
