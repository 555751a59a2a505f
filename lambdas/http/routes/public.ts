import { ok } from '../../core/result.ts'
import type { CommonDeps } from '../deps.ts'
import type { Endpoints } from '../endpoint.ts'

export const publicRoutes = (route: Endpoints, { version, stage }: CommonDeps): void => {
  let document: Record<string, unknown> | null = null

  route('GET /api/health', async () => ok({ body: { status: 'ok', version, stage } }))
  route('GET /api/openapi.json', async () => {
    // Loaded on demand: it is much code, and few ask for it.
    document ??= (await import('../../contract/openapi.ts')).describeApi(version)
    return ok({ body: document })
  })
}
