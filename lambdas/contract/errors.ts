import * as z from 'zod/mini'
import { ERROR_STATUS, type ErrorCode } from './error-codes.ts'

const codes = Object.keys(ERROR_STATUS).filter((code): code is ErrorCode => code in ERROR_STATUS)

export const Issue = z.strictObject({ path: z.string(), rule: z.string() })
export type Issue = z.infer<typeof Issue>

export const ErrorBody = z.strictObject({
  error: z.strictObject({
    code: z.enum(codes),
    message: z.string(),
    requestId: z.string(),
    issues: z.optional(z.array(Issue)),
  }),
})
export type ErrorBody = z.infer<typeof ErrorBody>
