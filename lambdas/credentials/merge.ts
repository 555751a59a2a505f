import { SECRET_MAX_BYTES } from '../contract/facts.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'

/** Pure: no I/O, no clock. */

const REMEMBERED_MERGES = 100

/**
 * What an agent's secret holds. Every stored version has the next revision, so two versions can be told apart in time
 * without trusting any clock.
 */
export interface StoredCredentials {
  revision: number
  /** Which merges made the latest versions: how a note that a crash left is told from one that came to nothing. */
  mergeIds: readonly string[]
  values: ReadonlyMap<string, Secret>
}

/** A value replaces or adds, null removes, a name that is absent stays untouched. */
export type CredentialChanges = ReadonlyMap<string, Secret | null>

export type MergeFailure = { reason: 'secret_too_large' } | { reason: 'last_model_credential' }

const sameValue = (left: Secret | undefined, right: Secret): boolean =>
  left !== undefined && left.reveal() === right.reveal()

/** Null when nothing would change: then there is nothing to write, and a repeat is free. */
export const mergeCredentials = (
  current: StoredCredentials,
  changes: CredentialChanges,
  mergeIds: readonly string[],
): StoredCredentials | null => {
  const values = new Map(current.values)
  let changed = false
  for (const [name, value] of changes) {
    if (value === null) changed = values.delete(name) || changed
    else if (!sameValue(values.get(name), value)) {
      values.set(name, value)
      changed = true
    }
  }
  if (!changed) return null
  return {
    revision: current.revision + 1,
    mergeIds: [...current.mergeIds, ...mergeIds].slice(-REMEMBERED_MERGES),
    values,
  }
}

/** The text of a version: names in a fixed order, so that equal contents are equal texts. */
export const serialiseCredentials = ({
  revision,
  mergeIds,
  values,
}: StoredCredentials): Result<string, MergeFailure> => {
  const names = [...values.keys()].toSorted()
  const text = JSON.stringify({
    revision,
    merges: mergeIds,
    credentials: Object.fromEntries(names.map((name) => [name, values.get(name)?.reveal()])),
  })
  return Buffer.byteLength(text) > SECRET_MAX_BYTES ? fail({ reason: 'secret_too_large' }) : ok(text)
}
