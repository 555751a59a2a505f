import * as z from 'zod/mini'
import { ERROR_STATUS, type ErrorCode } from './error-codes.ts'
import { ErrorBody } from './errors.ts'
import { type Operation, operations } from './operations.ts'

const COMMON_ERRORS: readonly ErrorCode[] = ['malformed', 'invalid_input', 'unavailable']

const schemaOf = (schema: z.ZodMiniType, io: 'input' | 'output') =>
  z.toJSONSchema(schema, { target: 'draft-2020-12', unrepresentable: 'any', io })

const jsonContent = (schema: unknown) => ({ 'application/json': { schema } })

const parametersOf = (operation: Operation) =>
  (['path', 'query'] as const).flatMap((place) => {
    const schema = schemaOf(place === 'path' ? operation.params : operation.query, 'input')
    return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
      name,
      in: place,
      required: place === 'path' || (schema.required ?? []).includes(name),
      schema: property,
    }))
  })

const ACCESS_ERRORS: Record<Operation['access'], readonly ErrorCode[]> = {
  public: [],
  instance: ['unauthenticated', 'forbidden'],
  account: ['unauthenticated'],
  tenant: ['unauthenticated', 'forbidden'],
  admin: ['unauthenticated', 'forbidden'],
  support: ['unauthenticated', 'forbidden'],
}

const errorAnswers = (operation: Operation, isUnsafe: boolean) => {
  const access = ACCESS_ERRORS[operation.access]
  const unsafe: ErrorCode[] = isUnsafe && operation.access !== 'instance' ? ['cross_site'] : []
  const body: ErrorCode[] = isUnsafe ? ['too_large', 'unsupported_media_type'] : []
  const codes = [...new Set([...COMMON_ERRORS, ...access, ...unsafe, ...body, ...operation.errors])]
  const byStatus = Map.groupBy(codes, (code) => operation.errorStatus[code] ?? ERROR_STATUS[code])
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      String(status),
      { description: group.join(', '), content: jsonContent({ $ref: '#/components/schemas/Error' }) },
    ]),
  )
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
}

const describeOperation = (name: string, operation: Operation) => ({
  operationId: name,
  summary: operation.summary,
  security:
    operation.access === 'public' || operation.access === 'instance' ? [] : [{ apiToken: [] }, { sessionCookie: [] }],
  parameters: [...parametersOf(operation), ...(name === 'POST /api/agents' ? [IDEMPOTENCY_KEY] : [])],
  ...(operation.body === null
    ? {}
    : {
        requestBody: {
          required: !operation.body.safeParse(undefined).success,
          content: jsonContent(schemaOf(operation.body, 'input')),
        },
      }),
  responses: {
    [String(operation.status)]: {
      description: operation.summary,
      ...(operation.answer === null ? {} : { content: jsonContent(schemaOf(operation.answer, 'output')) }),
    },
    ...errorAnswers(operation, !name.startsWith('GET ')),
  },
})

/** The OpenAPI 3.1 document of the API, made from the very schemas that validate. */
export const describeApi = (version: string) => {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [name, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = name.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describeOperation(name, operation) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Vestibule', version, description: 'Invite-only onboarding for private agents.' },
    paths,
    components: {
      schemas: { Error: schemaOf(ErrorBody, 'output') },
      securitySchemes: {
        apiToken: { type: 'http', scheme: 'bearer', bearerFormat: 'vst_pat_…' },
        sessionCookie: { type: 'apiKey', in: 'cookie', name: '__Host-vestibule' },
      },
    },
  }
}
