/** What one message may hold: `markdown_text` of chat.postMessage (Slack Web API reference). */
export const MESSAGE_MAX_CHARACTERS = 12_000

const BREAKS = ['\n\n', '\n', ' ']

/** Where to cut: after the last paragraph, line or word that fits, unless that leaves less than half a message. */
const findCut = (text: string, maxCharacters: number): number => {
  const head = text.slice(0, maxCharacters)
  for (const mark of BREAKS) {
    const at = head.lastIndexOf(mark)
    if (at >= maxCharacters / 2) return at + mark.length
  }
  // Never between the two halves of a character outside the basic plane.
  return /[\uD800-\uDBFF]$/.test(head) ? maxCharacters - 1 : maxCharacters
}

/** An answer in pieces that Slack takes, in order; put together again they are the answer. */
export const splitAnswer = (answer: string, maxCharacters = MESSAGE_MAX_CHARACTERS): string[] => {
  const pieces: string[] = []
  let rest = answer
  while (rest.length > maxCharacters) {
    const cut = findCut(rest, maxCharacters)
    pieces.push(rest.slice(0, cut))
    rest = rest.slice(cut)
  }
  return [...pieces, rest]
}
