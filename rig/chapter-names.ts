/** The parts of a run, in their order. The journey is in every run but for `surroundings` or `burst` alone. */
export const CHAPTER_NAMES: readonly string[] = [
  'surroundings',
  'machine-inside',
  'one-way',
  'credentials',
  'support',
  'proofs',
  'tampering',
  'lifecycle',
  'burst',
]
