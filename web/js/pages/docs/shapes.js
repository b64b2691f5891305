// The parts of an OpenAPI 3.1 document that are shown.

/**
 * @typedef {object} Schema
 * @property {string} [$ref]
 * @property {string | string[]} [type]
 * @property {string} [format]
 * @property {string} [description]
 * @property {string} [title]
 * @property {Record<string, Schema>} [properties]
 * @property {string[]} [required]
 * @property {Schema} [items]
 * @property {Schema | boolean} [additionalProperties]
 * @property {unknown[]} [enum]
 * @property {unknown} [const]
 * @property {Schema[]} [oneOf]
 * @property {Schema[]} [anyOf]
 * @property {Schema[]} [allOf]
 * @property {unknown} [default]
 * @property {unknown} [example]
 * @property {unknown[]} [examples]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [maxLength]
 */
/** @typedef {Record<string, { schema?: Schema, example?: unknown }>} Content by media type */
/**
 * @typedef {object} Parameter
 * @property {string} name
 * @property {"path" | "query" | "header" | "cookie"} in
 * @property {boolean} [required]
 * @property {string} [description]
 * @property {Schema} [schema]
 */
/**
 * @typedef {object} Operation
 * @property {string} [summary]
 * @property {string} [description]
 * @property {string[]} [tags]
 * @property {Parameter[]} [parameters]
 * @property {{ description?: string, required?: boolean, content?: Content }} [requestBody]
 * @property {Record<string, { description?: string, content?: Content }>} [responses]
 * @property {Record<string, string[]>[]} [security]
 */
/**
 * @typedef {object} Document
 * @property {Record<string, any>} [paths]
 * @property {{ schemas?: Record<string, Schema> }} [components]
 */

export {};
