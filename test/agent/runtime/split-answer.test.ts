import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitAnswer } from '../../../agent/runtime/split-answer.ts'

describe('a long answer', () => {
  it('is cut after a paragraph, else a line, else a word, else anywhere', () => {
    expect(splitAnswer('short', 10)).toEqual(['short'])
    expect(splitAnswer('one two\n\nthree', 10)).toEqual(['one two\n\n', 'three'])
    expect(splitAnswer('one two\nthree', 10)).toEqual(['one two\n', 'three'])
    expect(splitAnswer('one two three', 10)).toEqual(['one two ', 'three'])
    expect(splitAnswer('one twothreefour', 10)).toEqual(['one twothr', 'eefour'])
  })

  it('loses nothing, keeps to the limit, and cuts no character in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 2, max: 40 }), (answer, limit) => {
        const pieces = splitAnswer(answer, limit)
        expect(pieces.join('')).toBe(answer)
        expect(pieces.every((piece) => piece.length <= limit && piece.isWellFormed())).toBe(true)
      }),
    )
  })
})
