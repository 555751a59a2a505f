import type * as z from 'zod/mini'
import { Enrolled, HeartbeatAnswer, type HeartbeatInput } from '../../lambdas/contract/instance.ts'
import { fail, ok, type Result } from '../../lambdas/core/result.ts'
import type { Secret } from '../../lambdas/core/secret.ts'

/** `refused`: the control plane does not know this machine (any more). `unreachable`: it could not be asked, or could not say. */
export type CallFailure = { reason: 'refused' | 'unreachable'; because: string }

export type Report = Omit<z.input<typeof HeartbeatInput>, 'proof'>

const ANSWER_MILLISECONDS = 20_000

/** The two calls that a machine makes (the HTTP contract, "The instance"), each with a fresh proof of which machine it is. */
export const createControlPlane = (deps: { apiUrl: string; prove: () => Promise<Secret>; fetch: typeof fetch }) => {
  const call = async <S extends z.ZodMiniType>(
    path: string,
    body: object,
    answer: S,
  ): Promise<Result<z.output<S>, CallFailure>> => {
    try {
      const proof = await deps.prove()
      const response = await deps.fetch(`${deps.apiUrl}${path}`, {
        method: 'POST',
        redirect: 'error',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, proof: proof.reveal() }),
        signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
      })
      if (response.status === 403) return fail({ reason: 'refused', because: '403' })
      if (!response.ok) return fail({ reason: 'unreachable', because: String(response.status) })
      return ok(answer.parse(await response.json()))
    } catch (error) {
      return fail({ reason: 'unreachable', because: error instanceof Error ? error.name : 'unknown' })
    }
  }

  return {
    enroll: () => call('/api/agent/enroll', {}, Enrolled),
    heartbeat: (report: Report) => call('/api/agent/heartbeat', report, HeartbeatAnswer),
  }
}

export type ControlPlane = ReturnType<typeof createControlPlane>
