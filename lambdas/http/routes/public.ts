import { describeApi } from '../../contract/openapi.ts'
import { ok } from '../../core/result.ts'
import type { CommonDeps } from '../deps.ts'
import type { Endpoints } from '../endpoint.ts'

export const publicRoutes = (route: Endpoints, { version, stage }: CommonDeps): void => {
  let document: Record<string, unknown> | null = null

  route('GET /api/health', async () => ok({ body: { status: 'ok', version, stage } }))
  route('GET /api/openapi.json', async () => {
    document ??= describeApi(version)
    return ok({ body: document })
  })
}
