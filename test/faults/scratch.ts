import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** In memory where there is such a place: what is tried is copied thousands of times. */
const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export const newScratchFolder = (): string => mkdtempSync(join(SCRATCH, 'vestibule-faults-'))
