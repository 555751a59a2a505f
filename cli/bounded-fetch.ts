const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const MAX_SECONDS = 60

const readUpTo = async (body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> => {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.byteLength
    if (length > maxBytes) throw new Error('the answer is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * `fetch` for a terminal: an answer that takes too long or never ends is a failure like a site that is not there. Whatever
 * was pasted as a site's address may be anything.
 */
export const boundedFetch =
  (inner: typeof fetch, { maxBytes = MAX_ANSWER_BYTES, seconds = MAX_SECONDS } = {}): typeof fetch =>
  async (input, init) => {
    const response = await inner(input, { ...init, signal: AbortSignal.timeout(seconds * 1000) })
    const body = response.body === null ? null : await readUpTo(response.body, maxBytes)
    return new Response(body, { status: response.status, headers: response.headers })
  }
