// Server-sent events out of an answer to any request; `EventSource` can send neither a key nor a body.

/**
 * @typedef {object} ServerEvent
 * @property {string} name
 * @property {string} data
 */

/**
 * @param {Response} answer
 * @returns {AsyncGenerator<ServerEvent>}
 */
export async function* serverEvents(answer) {
  const reader = (answer.body ?? new Blob([]).stream()).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r\n\r\n|\n\n|\r\r/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = read(block);
        if (event !== null) yield event;
      }
    }
  } finally {
    // Whoever stops listening ends the request too.
    await reader.cancel().catch(() => {});
  }
}

/**
 * One event; `null` for a comment alone.
 * @param {string} block
 * @returns {ServerEvent | null}
 */
export function read(block) {
  let name = "message";
  /** @type {string[]} */
  const data = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const match = /^(event|data)(?::\s?(.*))?$/.exec(line);
    if (match?.[1] === "event") name = match[2] ?? "";
    if (match?.[1] === "data") data.push(match[2] ?? "");
  }
  return data.length === 0 ? null : { name, data: data.join("\n") };
}
