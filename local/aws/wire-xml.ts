import type { WireAnswer } from './wire-protocol.ts'

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/** Text as XML content. A bare carriage return would be read back as a line feed (XML 1.0, 2.11). */
const escapeXml = (text: string): string => text.replace(/[&<>"'\r]/g, (character) => ENTITIES[character] ?? '&#xD;')

/** `content` is XML already; what is not goes through `xmlText`. */
export const xmlElement = (name: string, content: string): string => `<${name}>${content}</${name}>`

export const xmlText = (name: string, text: string): string => xmlElement(name, escapeXml(text))

export const xmlAnswer = (status: number, document: string): WireAnswer => ({
  status,
  headers: { 'content-type': 'text/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n${document}`,
})
