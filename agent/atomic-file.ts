import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'

/** Replaces a file as a whole: whoever reads it sees the old text or the new one, also after a power cut. */
export const writeAtomically = (path: string, text: string, mode = 0o600): void => {
  const draft = `${path}.new`
  const descriptor = openSync(draft, 'w', mode)
  try {
    // Whatever the process's mask took away.
    fchmodSync(descriptor, mode)
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, path)
}
