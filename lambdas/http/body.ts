import { BODY_MAX_BYTES } from '../contract/facts.ts'
import { fail, ok, type Result } from '../core/result.ts'

/** Reads a body up to the limit by what really arrives; Content-Length is never believed. */
export const readBody = async (
  request: Request,
): Promise<Result<Uint8Array, { reason: 'body_too_large' | 'body_cut_off' }>> => {
  if (request.body === null) return ok(new Uint8Array())
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = request.body.getReader()
  for (;;) {
    const read = await reader.read().catch(() => null)
    if (read === null) return fail({ reason: 'body_cut_off' })
    const { done, value } = read
    if (done) break
    length += value.byteLength
    if (length > BODY_MAX_BYTES) {
      await reader.cancel()
      return fail({ reason: 'body_too_large' })
    }
    chunks.push(value)
  }
  return ok(Buffer.concat(chunks))
}

/** `application/json`, with no parameter but a UTF-8 charset (RFC 8259 section 11). */
export const isJsonType = (contentType: string | null | undefined): boolean =>
  /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i.test(contentType?.trim() ?? '')
